package managed

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The tags of an instance that Lifeboat restores. They say whose it is and what
// was asked, so that a second attempt knows its own, and nothing else is deleted.
const (
	tagMaker  = "lifeboat"
	tagSource = "lifeboat-source"
	tagAt     = "lifeboat-at"

	maker  = "restore"
	latest = "latest"
)

// Tags are what an instance is marked with that is restored from source.
func (r Request) Tags(source string) map[string]string {
	at := latest
	if second := r.Second(); !second.IsZero() {
		at = second.Format(time.RFC3339)
	}
	return map[string]string{tagMaker: maker, tagSource: source, tagAt: at}
}

// Made reports whether tags are those of an instance that Lifeboat restored from source.
func Made(tags map[string]string, source string) bool {
	return tags[tagMaker] == maker && tags[tagSource] == source
}

// Same is nil for the tags of an instance that an earlier attempt of this
// request has begun; for any other it is fault.Conflict.
func (r Request) Same(tags map[string]string, source string) error {
	if !Made(tags, source) {
		return fault.New(fault.Conflict, "the name %s is taken by an instance that is no restore of %s: choose another name", r.Name, source)
	}
	if want := r.Tags(source)[tagAt]; tags[tagAt] != want {
		return fault.New(fault.Conflict, "the name %s is taken by a restore to %s, not to %s: choose another name, or delete it first",
			r.Name, tags[tagAt], want)
	}
	return nil
}

// Removable is nil for the tags of an instance that Delete may remove; for any
// other it is fault.Conflict.
func Removable(name string, tags map[string]string, source string) error {
	if name == source || !Made(tags, source) {
		return fault.New(fault.Conflict, "%s is no restore of %s that Lifeboat has made, so it is not deleted: remove it by hand if it must go", name, source)
	}
	return nil
}
