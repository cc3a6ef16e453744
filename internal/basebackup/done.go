package basebackup

import (
	"bytes"
	"cmp"
	"encoding/gob"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// MarkDone writes down, in the folder marks, that a part is in place: what
// Extract returned, so that nothing is fetched or read again by whoever
// resumes. The folder is made if need be; it must not be in the data
// directory, where PostgreSQL would copy it on, and belongs to one restore of
// one point. With FSync in Extract's options the mark is as durable as the files.
func MarkDone(marks, part string, e Extracted) error {
	// Unlike JSON, gob keeps names that aren't UTF-8.
	var mark bytes.Buffer
	err := gob.NewEncoder(&mark).Encode(e)
	if err == nil {
		err = writeMark(marks, part, mark.Bytes())
	}
	return fault.While(err, "marking part %q as restored", part)
}

// writeMark makes the file appear whole or not at all.
func writeMark(marks, part string, mark []byte) error {
	if err := os.MkdirAll(marks, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(marks, "."+part+"-")
	if err != nil {
		return err
	}
	_, err = file.Write(mark)
	err = cmp.Or(err, file.Sync())
	if err := cmp.Or(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), markOf(marks, part)); err != nil {
		return err
	}
	return syncFile(marks)
}

func markOf(marks, part string) string { return filepath.Join(marks, part+".done") }

// Done returns what MarkDone wrote, or false where the part is not in place yet.
func Done(marks, part string) (Extracted, bool, error) {
	mark, err := os.ReadFile(markOf(marks, part))
	if errors.Is(err, fs.ErrNotExist) {
		return Extracted{}, false, nil
	}
	var e Extracted
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(mark)).Decode(&e)
	}
	if err != nil {
		return Extracted{}, false, fault.While(err, "reading the mark of part %q", part)
	}
	return e, true, nil
}
