package reconcile

import (
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// words splits a line as redis-cli does: words are separated by white space.
// A word in double quotes may hold \n, \r, \t, \b, \a, \xHH, and a backslash
// before any other character for that character; one in single quotes holds
// everything as it is but \' for a quote. A closing quote ends a word.
// Errors are of kind fault.Invalid.
func words(line string) ([]string, error) {
	var all []string
	for i := 0; ; {
		for i < len(line) && space(line[i]) {
			i++
		}
		if i == len(line) {
			return all, nil
		}
		word, after, err := nextWord(line, i)
		if err != nil {
			return nil, err
		}
		all, i = append(all, word), after
	}
}

// nextWord reads the word that begins at i, and returns where it ends.
func nextWord(line string, i int) (string, int, error) {
	var word []byte
	for i < len(line) && !space(line[i]) {
		quote := line[i]
		if quote != '"' && quote != '\'' {
			word = append(word, quote)
			i++
			continue
		}
		for i++; ; {
			if i == len(line) {
				return "", 0, fault.New(fault.Invalid, "the Redis command has a quote %c that is not closed", quote)
			}
			if line[i] == quote {
				break
			}
			c, size := quoted(line[i:], quote)
			word = append(word, c)
			i += size
		}
		i++
		if i < len(line) && !space(line[i]) {
			return "", 0, fault.New(fault.Invalid, "the Redis command has a closing quote %c without a space after it", quote)
		}
	}
	return string(word), i, nil
}

// quoted reads one character in quotes, and says how much of the text it takes.
func quoted(text string, quote byte) (c byte, size int) {
	switch {
	case text[0] != '\\' || len(text) == 1, quote == '\'' && text[1] != '\'':
		return text[0], 1
	case quote == '"' && text[1] == 'x' && len(text) >= 4:
		if n, err := strconv.ParseUint(text[2:4], 16, 8); err == nil {
			return byte(n), 4
		}
	}
	switch text[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'a':
		return '\a', 2
	default:
		return text[1], 2
	}
}

func space(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', '\v', '\f', 0:
		return true
	default:
		return false
	}
}
