package walarchive

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// The names in a surface's folder.
const (
	root        = "wal"
	keysFolder  = "keys"
	openFolder  = "open"
	clusterName = "cluster.json"
	streamName  = "stream.json"

	compressed = ".zst"
	encrypted  = ".zst.age"
	sidecar    = ".json"
)

var (
	// backupName is what PostgreSQL calls a backup's own history file.
	backupName = regexp.MustCompile(`^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$`)
	chunkName  = regexp.MustCompile(`^([0-9A-F]{24})\.([0-9A-F]{8})-([0-9A-F]{8})\.zst(\.age)?$`)
)

func (a *Archive) key(elements ...string) string {
	return path.Join(append([]string{root, a.surface}, elements...)...)
}

func timelineFolder(timeline uint32) string { return fmt.Sprintf("%08X", timeline) }

// fileKey is the key of a file that PostgreSQL named: a segment, a history or a
// backup's history. All such names begin with their timeline.
func (a *Archive) fileKey(name string, ending string) string {
	return a.key(name[:8], name+ending)
}

// ending is what the names of new objects end with.
func (k writeKey) ending() string {
	if len(k.recipients) == 0 {
		return compressed
	}
	return encrypted
}

// span is a range of a segment's bytes, as offsets from its start.
type span struct{ from, to int64 }

func (s span) String() string { return fmt.Sprintf("%08X-%08X", s.from, s.to) }

func (a *Archive) chunkKey(segment string, s span, ending string) string {
	return a.key(segment[:8], openFolder, segment+"."+s.String()+ending)
}

// chunk is a stored piece of an open segment.
type chunk struct {
	key     string
	segment wal.Segment
	span
}

// parseChunk reads the key of a chunk; false for anything else.
func parseChunk(key string, size int64) (chunk, bool) {
	m := chunkName.FindStringSubmatch(path.Base(key))
	if m == nil {
		return chunk{}, false
	}
	segment, err := wal.ParseSegment(m[1], size)
	from, errFrom := strconv.ParseInt(m[2], 16, 64)
	to, errTo := strconv.ParseInt(m[3], 16, 64)
	ok := err == nil && errFrom == nil && errTo == nil && from < to && to <= size
	return chunk{key: key, segment: segment, span: span{from, to}}, ok
}

// plainName is an object's name without what storing has added to it.
func plainName(name string) (plain string, ok bool) {
	if plain, ok = strings.CutSuffix(name, encrypted); !ok {
		plain, ok = strings.CutSuffix(name, compressed)
	}
	return plain, ok
}
