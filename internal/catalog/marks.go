package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// The names of marks in a point's folder. A mark says what was done with a
// point after it was sealed; the last one of a kind wins.
const (
	VerifiedName = "verified.json"
	ProvenName   = "proven.json"
)

// Mark is what was done with a point.
type Mark struct {
	At time.Time `json:"at"`
	// Bytes is how many stored bytes were read.
	Bytes int64 `json:"bytes,omitempty"`
	// Config is the fingerprint of the configuration that was in force.
	Config string `json:"config,omitempty"`
	// By names the workflow or drill.
	By   string `json:"by,omitempty"`
	Tool string `json:"tool,omitempty"`
}

// maxMark bounds what is read of a mark.
const maxMark = 64 << 10

// MarkVerified says that every byte of the point in dir was read back.
func MarkVerified(ctx context.Context, st store.Store, dir string, m Mark) error {
	return writeMark(ctx, st, dir+"/"+VerifiedName, m)
}

// MarkProven says that the point in dir was restored and reconciled.
func MarkProven(ctx context.Context, st store.Store, dir string, m Mark) error {
	return writeMark(ctx, st, dir+"/"+ProvenName, m)
}

func writeMark(ctx context.Context, st store.Store, key string, m Mark) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode a mark")
	}
	_, err = st.Put(ctx, key, bytes.NewReader(raw), store.PutOptions{Estimate: int64(len(raw))})
	return err
}

func readMark(ctx context.Context, st store.Store, key string) (*Mark, error) {
	r, err := st.Get(ctx, key, 0, -1)
	if fault.Is(err, fault.Missing) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(io.LimitReader(r, maxMark))
	if err != nil {
		return nil, fault.While(err, "read %s", key)
	}
	var m Mark
	if err := json.Unmarshal(raw, &m); err != nil || m.At.IsZero() {
		// A mark that can't be read proves nothing: the point counts as unmarked.
		return nil, nil //nolint:nilerr // see above
	}
	return &m, nil
}

// readMarks sets the point's state by its marks.
func (p *Point) readMarks(ctx context.Context, st store.Store) error {
	p.State = StateSealed
	verified, err := readMark(ctx, st, p.Dir+"/"+VerifiedName)
	if err != nil {
		return err
	}
	proven, err := readMark(ctx, st, p.Dir+"/"+ProvenName)
	if err != nil {
		return err
	}
	if verified != nil {
		p.State, p.VerifiedAt = StateVerified, &verified.At
	}
	if proven != nil {
		p.State, p.ProvenAt = StateProven, &proven.At
	}
	return nil
}
