package archive

import (
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	idTime   = "20060102T150405.000Z"
	idRandom = 6
)

var (
	validID      = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-[a-z2-7]{6}$`)
	validSurface = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	validPart    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,199}$`)
	validAttempt = regexp.MustCompile(`^[a-z2-7]{1,16}$`)
	validFormat  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
)

// NewID names a new point: its UTC time to the millisecond and 30 random bits,
// as 20060102T150405.000Z-xxxxxx. IDs sort by time.
func NewID(now time.Time) string {
	return IDTime(now) + "-" + seal.RandomID(idRandom)
}

// ParseID returns the time in an ID; anything that NewID doesn't make is fault.Invalid.
func ParseID(id string) (time.Time, error) {
	if !validID.MatchString(id) {
		return time.Time{}, fault.New(fault.Invalid, "%q is not the ID of a recovery point: they look like %s-abc234", id, idTime)
	}
	t, err := time.Parse(idTime, id[:len(idTime)])
	return t, fault.Wrap(fault.Invalid, err, "%q is not the ID of a recovery point", id)
}

// ValidID reports whether a name is one that NewID could make; ParseID tells the rest.
func ValidID(name string) bool { return validID.MatchString(name) }

// IDTime is what the IDs of points of that moment begin with: IDs of earlier
// points sort before it, all others after.
func IDTime(t time.Time) string { return t.UTC().Format(idTime) }

// ValidSurface reports whether a surface can have that name: up to 63
// letters, digits, ".", "-" and "_", the first a letter or digit.
func ValidSurface(name string) bool { return validSurface.MatchString(name) }

// Dir is the key of a point's folder, without a slash at either end.
func Dir(prefix, surface, id string) string {
	return strings.Trim(path.Join(prefix, surface, id), "/")
}

// ParseDir takes the surface's name and the point's ID from a folder's key.
func ParseDir(dir string) (surface, id string, err error) {
	elements := strings.Split(strings.Trim(dir, "/"), "/")
	id = elements[len(elements)-1]
	if _, err := ParseID(id); err != nil {
		return "", "", fault.New(fault.Invalid, "%q is not the folder of a recovery point: it doesn't end in an ID", dir)
	}
	if len(elements) > 1 {
		surface = elements[len(elements)-2]
	}
	if !validSurface.MatchString(surface) || store.ValidKey(strings.Join(elements, "/")) != nil {
		return "", "", fault.New(fault.Invalid, "%q is not the folder of a recovery point: no surface is before the ID", dir)
	}
	return surface, id, nil
}

// label names a point in an error: its folder's last two elements.
func label(dir string) string {
	parent, id := path.Split(dir)
	return path.Join(path.Base(parent), id)
}

// objectName is the name of a part's object in the point's folder:
// NAME.ATTEMPT.FORMAT.zst, with .age after it when the point is encrypted. The
// attempt may be empty; its dot then goes with it.
func objectName(part, attempt, format string, encrypted bool) string {
	name := part
	if attempt != "" {
		name += "." + attempt
	}
	name += "." + format + ".zst"
	if encrypted {
		name += ".age"
	}
	return name
}

// isObjectOf reports whether an object's name is one that the part can have.
func isObjectOf(object, part, format string, encrypted bool) bool {
	ending := objectName("", "", format, encrypted)
	if object == part+ending {
		return true
	}
	attempt, begins := strings.CutPrefix(object, part+".")
	attempt, ends := strings.CutSuffix(attempt, ending)
	return begins && ends && validAttempt.MatchString(attempt)
}
