package reconcile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// readAll reads the rows of an answer, each as shown.
func readAll(in io.Reader) ([]string, error) {
	answer, err := respReader{bufio.NewReaderSize(in, 64)}.rows()
	if err != nil {
		return nil, err
	}
	var all []string
	for {
		row, err := answer.next()
		if errors.Is(err, errEnd) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, shown(row, false))
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"+OK\r\n":                             {`("OK")`},
		":-12\r\n":                            {`("-12")`},
		",1.5\r\n":                            {`("1.5")`},
		"#t\r\n":                              {`("t")`},
		"(123456789012345678901234567890\r\n": {`("123456789012345678901234567890")`},
		"_\r\n":                               {`(NULL)`},
		"$-1\r\n":                             {`(NULL)`},
		"*-1\r\n":                             {`(NULL)`},
		"$0\r\n\r\n":                          {`("")`},
		"$4\r\na\r\nb\r\n":                    {`("a\r\nb")`},
		"=5\r\ntxt:a\r\n":                     {`("a")`},
		"*0\r\n":                              nil,
		"*2\r\n$1\r\na\r\n$-1\r\n":            {`("a")`, `(NULL)`},
		// Pairs, as ZRANGE WITHSCORES answers.
		"*2\r\n*2\r\n$1\r\nb\r\n,2\r\n*2\r\n$1\r\na\r\n,1\r\n": {`("b", "2")`, `("a", "1")`},
		// A stream's entry.
		"*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n": {`("1-1", "f", "v")`},
		// Maps and sets have no order.
		"%2\r\n+b\r\n:1\r\n+a\r\n:2\r\n": {`("a", "2")`, `("b", "1")`},
		"~3\r\n+c\r\n+a\r\n*0\r\n":       {`()`, `("a")`, `("c")`},
		// Attributes say nothing about the data.
		"|1\r\n+ttl\r\n:3600\r\n*1\r\n|1\r\n+a\r\n+b\r\n:5\r\n": {`("5")`},
	} {
		got, err := readAll(strings.NewReader(text))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
		// What is cut off is never taken for a whole.
		for cut := range len(text) {
			if got, err := readAll(strings.NewReader(text[:cut])); err == nil {
				t.Errorf("%q cut at %d: got %q", text, cut, got)
			}
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]fault.Kind{
		"-ERR no\r\n":                       fault.Invalid,
		"!6\r\nERR no\r\n":                  fault.Invalid,
		"*2\r\n+a\r\n-ERR no\r\n":           fault.Invalid,
		"-LOADING wait\r\n":                 fault.Unavailable,
		"-NOPERM you\r\n":                   fault.Denied,
		"HTTP/1.1 400 Bad Request\r\n":      fault.Corrupt,
		"+\n":                               fault.Corrupt,
		"+" + strings.Repeat("x", 100):      fault.Corrupt,
		"*x\r\n":                            fault.Corrupt,
		"*-2\r\n":                           fault.Corrupt,
		"$1\r\nabc":                         fault.Corrupt,
		"$99999999999\r\n":                  fault.Unsupported,
		strings.Repeat("*1\r\n", 100):       fault.Corrupt,
		strings.Repeat("|1\r\n+a\r\n", 100): fault.Corrupt,
		"*1\r\n*99999\r\n" + strings.Repeat("+a\r\n", 99999): fault.Unsupported,
		"": fault.Unavailable,
	} {
		_, err := readAll(strings.NewReader(text))
		if err = classifyRedis(err, "read"); fault.KindOf(err) != want {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

// TestUnorderedAnswersHaveABound has a set that is too large to sort.
func TestUnorderedAnswersHaveABound(t *testing.T) {
	t.Parallel()
	const size, count = 1 << 20, 70
	member := fmt.Sprintf("$%d\r\n%s\r\n", size, strings.Repeat("x", size))
	parts := []io.Reader{strings.NewReader(fmt.Sprintf("~%d\r\n", count))}
	for range count {
		parts = append(parts, strings.NewReader(member))
	}
	if _, err := readAll(io.MultiReader(parts...)); !fault.Is(err, fault.Unsupported) {
		t.Errorf("got %v", err)
	}
}

func FuzzAnswers(f *testing.F) {
	for _, text := range []string{"+OK\r\n", "*2\r\n$1\r\na\r\n$-1\r\n", "%1\r\n+b\r\n:1\r\n", "|1\r\n+a\r\n+b\r\n~1\r\n_\r\n", "-ERR\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := readAll(bytes.NewReader(text))
		if err = classifyRedis(err, "read"); err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("%q: %v", text, err)
		}
	})
}
