package managed

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// CheckName accepts a name that every provider takes for an instance: 3 to 60
// lower-case letters, digits and hyphens, beginning with a letter, without a
// hyphen at its end or two in a row. Others are fault.Invalid.
func CheckName(name string) error {
	allowed := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }
	switch {
	case len(name) < 3 || len(name) > 60,
		strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) }),
		name[0] < 'a' || name[0] > 'z',
		strings.HasSuffix(name, "-"), strings.Contains(name, "--"):
		return fault.New(fault.Invalid, "the name of a restored instance must be 3 to 60 lower-case letters, digits and single hyphens, "+
			"beginning with a letter: %q", name)
	}
	return nil
}
