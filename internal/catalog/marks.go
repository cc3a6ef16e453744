package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Objects in a point's folder that say what was done with it since it was sealed.
const (
	VerifiedName = "verified.json"
	ProvenName   = "proven.json"
)

// Mark says that a point was verified or proven. The last one counts.
type Mark struct {
	// At is when that was done.
	At time.Time `json:"at"`
	// Bytes is how much was read of it, as stored.
	Bytes int64 `json:"bytes,omitempty"`
	// Config is the fingerprint of the configuration in force.
	Config string `json:"config,omitempty"`
	// By names the workflow or the drill.
	By string `json:"by,omitempty"`
	// Tool is the version of Lifeboat that did it.
	Tool string `json:"tool,omitempty"`
}

// maxMark bounds what is read of a mark.
const maxMark = 64 << 10

// MarkVerified notes beside the point in dir that every byte of it was read
// back and was right.
func MarkVerified(ctx context.Context, st store.Store, dir string, mark Mark) error {
	return writeMark(ctx, st, path.Join(dir, VerifiedName), mark)
}

// MarkProven notes beside the point in dir that it was restored and compared.
func MarkProven(ctx context.Context, st store.Store, dir string, mark Mark) error {
	return writeMark(ctx, st, path.Join(dir, ProvenName), mark)
}

func writeMark(ctx context.Context, st store.Store, key string, mark Mark) error {
	mark.At = mark.At.UTC().Truncate(time.Millisecond)
	data, err := json.Marshal(mark)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encoding %s", key)
	}
	_, err = st.Put(ctx, key, bytes.NewReader(data), store.PutOptions{Estimate: int64(len(data))})
	return fault.While(err, "writing %s", key)
}

// readMarks completes a point by the marks beside it. A mark that can't be
// made sense of is none: it is reported in the point's Error.
func (p *Point) readMarks(ctx context.Context, st store.Store) error {
	verified, err := p.readMark(ctx, st, p.Dir, VerifiedName)
	if err != nil {
		return err
	}
	proven, err := p.readMark(ctx, st, p.Dir, ProvenName)
	if err != nil {
		return err
	}
	if verified != nil {
		p.State, p.VerifiedAt = StateVerified, &verified.At
	}
	if proven != nil {
		p.State, p.ProvenAt, p.ProvenConfig = StateProven, &proven.At, proven.Config
	}
	return nil
}

// readProofOf completes a point by the proof of its copy on another store,
// unless a proof was found before: what was restored from there is the same point.
func (p *Point) readProofOf(ctx context.Context, n Named, f candidate) error {
	if p.ProvenAt != nil {
		return nil
	}
	proven, err := p.readMark(ctx, n.Store, f.dir, ProvenName)
	if err != nil || proven == nil {
		return err
	}
	p.State, p.ProvenAt, p.ProvenConfig, p.ProvenOn = StateProven, &proven.At, proven.Config, n.Name
	return nil
}

// readMark returns nil when there is none in the folder.
func (p *Point) readMark(ctx context.Context, st store.Store, dir, name string) (*Mark, error) {
	body, err := st.Get(ctx, path.Join(dir, name), 0, -1)
	if fault.Is(err, fault.Missing) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, maxMark))
	if err := cmp.Or(err, body.Close()); err != nil {
		return nil, fault.While(err, "reading %s", name)
	}
	var mark Mark
	if err := json.Unmarshal(data, &mark); err != nil || mark.At.IsZero() {
		p.Error = fmt.Sprintf("%s is damaged and doesn't count", name)
		return nil, nil
	}
	return &mark, nil
}
