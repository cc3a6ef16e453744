package walarchive

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// skippable is the magic number of a zstd frame that decompressors pass over
// (RFC 8878, 3.1.2).
const skippable = 0x184D2A50

// maxLabel is far above any label.
const maxLabel = 256

// label says what an object holds. It stands inside of the encryption, before
// the compressed data, so that an object under another one's name is noticed:
// chunks need not have a page header, and the first pages of a new timeline are
// those of the old one.
type label struct {
	// system is the cluster's identifier, 0 where the writer didn't know it.
	system uint64
	// name is the file's, as PostgreSQL names it.
	name string
	// span is which bytes of the file.
	span
}

func (l label) String() string {
	return fmt.Sprintf("lifeboat-wal %d %d %s %v\n", FormatVersion, l.system, l.name, l.span)
}

// frame is the label as a frame that decompressors pass over.
func (l label) frame() []byte {
	text := l.String()
	out := binary.LittleEndian.AppendUint32(nil, skippable)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(text)))
	return append(out, text...)
}

// readLabel takes a label from the beginning of decrypted data. Errors of r
// keep their kind; anything that is no label is fault.Corrupt, one of a newer
// format fault.Unsupported.
func readLabel(r io.Reader) (label, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return label{}, cut(err)
	}
	length := binary.LittleEndian.Uint32(head[4:])
	if binary.LittleEndian.Uint32(head[:]) != skippable || length > maxLabel {
		return label{}, fault.New(fault.Corrupt, "it has no label")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return label{}, cut(err)
	}
	return parseLabel(string(text))
}

func parseLabel(text string) (label, error) {
	var l label
	var format int
	n, err := fmt.Sscanf(text, "lifeboat-wal %d %d %s %X-%X\n", &format, &l.system, &l.name, &l.from, &l.to)
	switch {
	case n > 0 && format > FormatVersion:
		return label{}, fault.New(fault.Unsupported, "written by a newer Lifeboat (format %d); this one reads up to %d", format, FormatVersion)
	case err != nil || l.String() != text:
		return label{}, fault.New(fault.Corrupt, "its label is malformed: %.100q", strings.TrimSpace(text))
	}
	return l, nil
}

// cut makes an early end a fault.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fault.New(fault.Corrupt, "it was truncated")
	}
	return err
}

// check compares a label that was read with the one that its object must have.
// A system of 0 on either side says nothing; neither does a span to -1.
func (l label) check(want label) error {
	switch {
	case l.name != want.name, want.to >= 0 && l.span != want.span:
		return fault.New(fault.Corrupt, "it was swapped: it holds %s %v", l.name, l.span)
	case l.system != want.system && l.system != 0 && want.system != 0:
		return fault.New(fault.Corrupt, "it was swapped: it is of the cluster %d, this one is %d", l.system, want.system)
	}
	return nil
}
