package objects

import (
	"net/url"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// scheme is that of the URLs of targets.
const scheme = "objects"

// location is where objects are restored to: a prefix of a bucket that the
// surface's credentials reach.
type location struct {
	Bucket, Prefix string
	// ID is that of an isolated place; empty for anything else.
	ID string
	// VerifyOnly has a restore only look for the versions of its point.
	VerifyOnly bool
}

// url writes a location as objects:///BUCKET/PREFIX?id=ID&verifyOnly=true. It holds no secret.
func (l location) url() secret.String {
	u := url.URL{Scheme: scheme, Path: "/" + l.Bucket + "/" + l.Prefix}
	query := url.Values{}
	if l.ID != "" {
		query.Set("id", l.ID)
	}
	if l.VerifyOnly {
		query.Set("verifyOnly", "true")
	}
	u.RawQuery = query.Encode()
	return secret.String(u.String())
}

// isCopy reports whether a location is in the folder of the copies.
func (l location) isCopy(copies surface.RestoreTo) bool {
	return l.Bucket == copies.Bucket && strings.HasPrefix(l.Prefix, copies.Prefix)
}

var errLocation = fault.New(fault.Invalid, "a target for objects must be like objects:///BUCKET/PREFIX/")

// parseLocation reads what url has written; errors are fault.Invalid.
func parseLocation(text secret.String) (location, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil || u.Scheme != scheme || u.Host != "" || u.User != nil || u.Fragment != "" {
		return location{}, errLocation
	}
	name, prefix, slashed := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if name == "" || !slashed && u.Path != "/"+name || prefix != "" && !strings.HasSuffix(prefix, "/") {
		return location{}, errLocation
	}
	l := location{Bucket: name, Prefix: prefix, ID: u.Query().Get("id"), VerifyOnly: u.Query().Get("verifyOnly") == "true"}
	for key := range u.Query() {
		if key != "id" && key != "verifyOnly" {
			return location{}, fault.New(fault.Invalid, "%q means nothing in the URL of a target for objects", key)
		}
	}
	return l, nil
}

// target reads where a restore goes, and refuses what would mix up copies and what is live.
func (s *Surface) target(t surface.Target) (location, error) {
	l, err := parseLocation(t.URL)
	if err != nil {
		return l, err
	}
	if !t.Selection.All() {
		return l, fault.New(fault.Unsupported, "a restore of objects takes a whole point: a prefix alone is restored by its moment")
	}
	return l, s.permit(l)
}

// permit refuses locations that would mix up copies and what is live.
func (s *Surface) permit(l location) error {
	live := location{Bucket: s.config.Holder(), Prefix: s.prefix}
	switch {
	case l.ID != "":
		if own := s.place(l.ID, l.VerifyOnly); own != l {
			return fault.New(fault.Invalid, "the isolated copy %s belongs under %s/%s", l.ID, own.Bucket, own.Prefix)
		}
	case l.VerifyOnly:
		return errLocation
	case l.isCopy(s.copies):
		return fault.New(fault.Invalid, "%s/%s is where isolated copies are: restore to another prefix", l.Bucket, l.Prefix)
	case l.Bucket == live.Bucket && l.Prefix != live.Prefix && strings.HasPrefix(l.Prefix, live.Prefix):
		return fault.New(fault.Invalid, "%s/%s is below what is live: restore to a prefix beside it", l.Bucket, l.Prefix)
	case l.Bucket == live.Bucket && l.Prefix != live.Prefix && strings.HasPrefix(live.Prefix, l.Prefix):
		return fault.New(fault.Invalid, "%s/%s holds what is live: restore to a prefix beside it", l.Bucket, l.Prefix)
	}
	return nil
}

// isLive reports whether a location is that of what is protected.
func (s *Surface) isLive(l location) bool {
	return l.Bucket == s.config.Holder() && l.Prefix == s.prefix
}
