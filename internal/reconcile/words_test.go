package reconcile

import (
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"":                     nil,
		" \t\n":                nil,
		"GET key":              {"GET", "key"},
		"  GET \t key\n":       {"GET", "key"},
		`SET "a b" 'c d'`:      {"SET", "a b", "c d"},
		`"" ''`:                {"", ""},
		`"\x00\xfF\n\r\t\b\a"`: {"\x00\xff\n\r\t\b\a"},
		`"\"\\\q\xg1\x1"`:      {`"\qxg1x1`},
		`'\'\n"' "'"`:          {`'\n"`, "'"},
		`a"b c"`:               {"ab c"},
		"héllo wörld":          {"héllo", "wörld"},
	} {
		got, err := words(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`"`, `'`, `"a`, `a 'b`, `"a"b`, `'a'b`, `'a'"b"`, `"a\`, `"a\"`, `'\'`} {
		if got, err := words(line); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %q, %v", line, got, err)
		}
	}
}
