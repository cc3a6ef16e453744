package postgres

import (
	"regexp"
	"strings"
)

// castTarget is the name of a type after "::", as the server prints it.
var castTarget = regexp.MustCompile(`^(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)(?:\.(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*))?` +
	`(?: varying| precision)?(?:\([0-9, -]+\))?(?: with(?:out)? time zone)?(?:\[\])*`)

// canonical reduces a definition that the server has printed from a parse tree
// to what stays the same when it is read and printed again. The server does
// not promise that: it prints CHECK (status IN ('a', 'b')) on a varchar column as
// ANY ((ARRAY['a'::varchar, 'b'::varchar])::text[]), and having read that, as
// ANY (ARRAY[('a'::varchar)::text, ('b'::varchar)::text]). So casts,
// parentheses and blanks outside of quotes are left out.
func canonical(definition string) string {
	var out strings.Builder
	out.Grow(len(definition))
	for i := 0; i < len(definition); {
		switch c := definition[i]; {
		case c == '\'' || c == '"':
			end := i + 1
			for end < len(definition) && definition[end] != c {
				end++
			}
			end = min(end+1, len(definition))
			out.WriteString(definition[i:end])
			i = end
		case strings.HasPrefix(definition[i:], "::"):
			i += 2 + len(castTarget.FindString(definition[i+2:]))
		case c == '(' || c == ')' || c == ' ' || c == '\n' || c == '\t':
			i++
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}
