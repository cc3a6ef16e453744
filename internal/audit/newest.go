package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// piece is how much of the file is read at once, from its end backwards.
const piece = 64 << 10

// Newest returns the newest entries before a moment, of any moment where that is
// zero, newest first, limit of them at most. It reads the file from its end, and
// only as far as it has to. Lines that are no entry, as one that is being written,
// are left out; so is what was rotated away.
func (l *Log) Newest(before time.Time, limit int) ([]Entry, error) {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		// Rotated a moment ago: the next entry makes it anew.
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "open the audit log")
	}
	defer f.Close()
	var entries []Entry
	err = backwards(f, func(line []byte) bool {
		var e Entry
		if json.Unmarshal(line, &e) == nil && !e.Time.IsZero() && (before.IsZero() || e.Time.Before(before)) {
			entries = append(entries, e)
		}
		return len(entries) < limit
	})
	return entries, fault.Wrap(fault.Unavailable, err, "read the audit log")
}

// backwards calls yield with each line of a file, the last one first, until it
// returns false.
func backwards(f *os.File, yield func(line []byte) bool) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	// rest begins a line whose beginning was not read yet.
	var rest []byte
	for end > 0 {
		size := min(end, piece)
		end -= size
		block := make([]byte, size, size+int64(len(rest)))
		if _, err := f.ReadAt(block, end); err != nil {
			return err
		}
		block = append(block, rest...)
		for at := bytes.LastIndexByte(block, '\n'); at >= 0; at = bytes.LastIndexByte(block, '\n') {
			if line := block[at+1:]; len(line) > 0 && !yield(line) {
				return nil
			}
			block = block[:at]
		}
		rest = block
	}
	if len(rest) > 0 {
		yield(rest)
	}
	return nil
}
