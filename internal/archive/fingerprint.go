package archive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The fingerprint of a point is the union of its pieces: every step of a
// backup writes the entries it saw as a part of its own, so that nobody needs
// a secret key to put them together.
const (
	// FingerprintPart is the name of the point's own piece, and with a dot
	// after it the beginning of the others': fingerprint.PART.
	FingerprintPart = "fingerprint"
	// RoleFingerprint is the role of pieces. They aren't among a Source's parts.
	RoleFingerprint = "fingerprint"
	// fingerprintFormat is a JSON array with one entry a line.
	fingerprintFormat = "json"
)

// maxFingerprint bounds what the pieces of one point may hold before
// compression: the fingerprint of a million tables has about 150 MB.
const maxFingerprint = 256 << 20

// WritePiece stores the entries that were seen while part was dumped; the
// empty part stands for the point as a whole. The result goes into the
// manifest like any part's. A repeated call replaces the piece.
func WritePiece(ctx context.Context, w PartWriter, part string, f surface.Fingerprint) (PartEntry, error) {
	name := FingerprintPart
	if part != "" {
		name += "." + part
	}
	piece := surface.Part{Name: name, Role: RoleFingerprint, Format: fingerprintFormat}
	entry, err := w.Write(ctx, piece, nil, func(out io.Writer) error { return writeFingerprint(out, f) })
	if err != nil {
		return PartEntry{}, err
	}
	entry.Entries = len(f)
	for _, e := range f {
		if entry.Counts == nil {
			entry.Counts = make(map[string]int64)
		}
		entry.Counts[e.Kind] += e.Count
	}
	return entry, nil
}

func writeFingerprint(out io.Writer, f surface.Fingerprint) error {
	w := bufio.NewWriter(out)
	separator := "[\n"
	for _, e := range f {
		line, err := json.Marshal(e)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "encoding the fingerprint")
		}
		// A bufio.Writer keeps its first error for Flush.
		_, _ = w.WriteString(separator)
		_, _ = w.Write(line)
		separator = ",\n"
	}
	if len(f) == 0 {
		_, _ = w.WriteString("[")
	}
	_, _ = w.WriteString("\n]\n")
	return w.Flush()
}

// readFingerprint decodes one piece to its end.
func readFingerprint(r io.Reader, entries int) (surface.Fingerprint, error) {
	var f surface.Fingerprint
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if t, err := dec.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('[') {
		return nil, errors.New("it is not a JSON array")
	}
	for dec.More() {
		var e surface.Entry
		if err := dec.Decode(&e); err != nil {
			return nil, err
		}
		if e.Kind == "" || e.Count < 0 {
			return nil, errors.New("an entry has no kind, or a negative count")
		}
		if len(f) == entries {
			return nil, errors.New("it has more entries than the manifest says")
		}
		f = append(f, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	// Reading on to the end is what checks the digest.
	if _, err := dec.Token(); err == nil {
		return nil, errors.New("there is data after its end")
	} else if err != io.EOF {
		return nil, err
	}
	if len(f) != entries {
		return nil, errors.New("it has fewer entries than the manifest says")
	}
	return f, nil
}
