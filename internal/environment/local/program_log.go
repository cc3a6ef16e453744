package local

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// programLogLimit is the size of each of the two files that a log is kept in:
// a full one takes the place of the older.
const programLogLimit = 5 << 20

func (i *program) logPath() string { return filepath.Join(i.dir, "log") }

func (i *program) olderLogPath() string { return filepath.Join(i.dir, "log.1") }

// rotatingLog keeps the end of what is written to it.
type rotatingLog struct {
	path, older string
	limit       int64
	file        *os.File
	size        int64
}

func openLog(path, older string, limit int64) (*rotatingLog, error) {
	l := &rotatingLog{path: path, older: older, limit: limit}
	err := l.open()
	return l, err
}

func (l *rotatingLog) open() (err error) {
	l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	l.size = 0
	return err
}

// Write implements io.Writer.
func (l *rotatingLog) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		if l.size >= l.limit {
			if err := l.rotate(); err != nil {
				return written, err
			}
		}
		n, err := l.file.Write(b[written:min(int64(len(b)), int64(written)+l.limit-l.size)])
		written, l.size = written+n, l.size+int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (l *rotatingLog) rotate() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(l.path, l.older); err != nil {
		return err
	}
	return l.open()
}

// scrubber hands on what is written to it with every secret replaced, also one
// that comes in pieces. The longest wins where several begin at one place.
type scrubber struct {
	out     io.Writer
	secrets []string
	begins  [256]bool
	pending []byte
}

func newScrubber(out io.Writer, secrets []string) *scrubber {
	s := &scrubber{out: out}
	for _, text := range secrets {
		if text != "" {
			s.secrets = append(s.secrets, text)
			s.begins[text[0]] = true
		}
	}
	slices.SortFunc(s.secrets, func(a, b string) int { return len(b) - len(a) })
	return s
}

// Write implements io.Writer.
func (s *scrubber) Write(b []byte) (int, error) {
	s.pending = append(s.pending, b...)
	return len(b), s.hand(false)
}

// Flush hands on what might have become a secret and did not.
func (s *scrubber) Flush() error { return s.hand(true) }

func (s *scrubber) hand(end bool) error {
	var clean []byte
	at := 0
	for at < len(s.pending) {
		if !s.begins[s.pending[at]] {
			clean = append(clean, s.pending[at])
			at++
			continue
		}
		n, more := s.match(s.pending[at:])
		switch {
		case more && !end:
			rest := append([]byte(nil), s.pending[at:]...)
			s.pending = rest
			_, err := s.out.Write(clean)
			return err
		case n > 0:
			clean = append(clean, secret.Redacted...)
			at += n
		default:
			clean = append(clean, s.pending[at])
			at++
		}
	}
	s.pending = s.pending[:0]
	_, err := s.out.Write(clean)
	return err
}

// match returns the length of the longest secret that text begins with, and
// whether a longer one may follow when more of the text is known.
func (s *scrubber) match(text []byte) (n int, more bool) {
	for _, hidden := range s.secrets {
		if len(text) < len(hidden) {
			more = more || hidden[:len(text)] == string(text)
		} else if n == 0 && string(text[:len(hidden)]) == hidden {
			n = len(hidden)
		}
	}
	return n, more
}
