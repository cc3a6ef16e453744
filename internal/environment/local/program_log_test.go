package local

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestScrubber(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secrets []string
		text    string
		want    string
	}{
		{nil, "plain", "plain"},
		{[]string{""}, "plain", "plain"},
		{[]string{"abc"}, "abcabc ab", "XX ab"},
		{[]string{"abc", "abcdef"}, "abcdef abcde abc", "X Xde X"},
		{[]string{"xab", "abc"}, "xabc", "Xc"},
		{[]string{"aab"}, "aaab", "aX"},
		{[]string{"two\nlines"}, "two\nlines\ntwo\n", "X\ntwo\n"},
	} {
		want := strings.ReplaceAll(c.want, "X", secret.Redacted)
		for first := range len(c.text) + 1 {
			for second := first; second <= len(c.text); second++ {
				var out strings.Builder
				s := newScrubber(&out, c.secrets)
				for _, piece := range []string{c.text[:first], c.text[first:second], c.text[second:]} {
					if n, err := s.Write([]byte(piece)); err != nil || n != len(piece) {
						t.Fatalf("wrote %d: %v", n, err)
					}
				}
				if err := s.Flush(); err != nil || out.String() != want {
					t.Errorf("%q in pieces of %d and %d without %q: %q: %v", c.text, first, second-first, c.secrets, out.String(), err)
				}
			}
		}
	}
}

func TestALogKeepsItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := openLog(filepath.Join(dir, "log"), filepath.Join(dir, "log.1"), 100)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	source := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		piece := make([]byte, source.IntN(250))
		for n := range piece {
			piece[n] = byte('a' + source.IntN(26))
		}
		if n, err := l.Write(piece); err != nil || n != len(piece) {
			t.Fatalf("wrote %d of %d: %v", n, len(piece), err)
		}
		all = append(all, piece...)
		older, errOlder := readAll(l.older)
		newer, errNewer := readAll(l.path)
		kept := string(older) + string(newer)
		if errOlder != nil || errNewer != nil || len(kept) > 200 || len(kept) < min(100, len(all)) || !strings.HasSuffix(string(all), kept) {
			t.Fatalf("of %d bytes %d are kept: %v, %v", len(all), len(kept), errOlder, errNewer)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write(make([]byte, 101)); err == nil {
		t.Error("a log that can't be rotated is written to")
	}
}
