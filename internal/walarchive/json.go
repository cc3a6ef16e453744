package walarchive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// maxJSON is the largest JSON object that is read: an index may name many restore points.
const maxJSON = 8 << 20

// readJSON reads a JSON object and then checks it. A newer format is
// fault.Unsupported, anything else that is wrong with it fault.Corrupt.
func (a *Archive) readJSON(ctx context.Context, key string, into interface{ valid() error }) error {
	data, err := store.ReadSmall(ctx, a.store, key, maxJSON)
	if err != nil {
		return err
	}
	return fault.While(decodeJSON(data, into), "%s of %s", path.Base(key), a.surface)
}

// decodeJSON ignores members it doesn't know: what a reader must not
// misunderstand has another format version.
func decodeJSON(data []byte, into interface{ valid() error }) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return malformed(err)
	}
	switch {
	case head.Format > FormatVersion:
		return fault.New(fault.Unsupported, "written by a newer Lifeboat (format %d); this one reads up to %d", head.Format, FormatVersion)
	case head.Format < 1:
		return fault.New(fault.Corrupt, "it has no format version")
	}
	if err := json.Unmarshal(data, into); err != nil {
		return malformed(err)
	}
	return fault.Wrap(fault.Corrupt, into.valid(), "it contradicts itself")
}

// malformed keeps an error about hostile JSON short and on one line.
func malformed(err error) error {
	text := fmt.Sprintf("%.200q", err.Error())
	return fault.New(fault.Corrupt, "it is malformed: %s", text[1:len(text)-1])
}

// writeJSON stores a JSON object, with a newline at its end.
func (a *Archive) writeJSON(ctx context.Context, key string, v any, ifAbsent bool) error {
	data, err := encodeJSON(v)
	if err != nil {
		return err
	}
	_, err = a.store.Put(ctx, key, bytes.NewReader(data), store.PutOptions{IfAbsent: ifAbsent, Estimate: int64(len(data))})
	return fault.While(err, "storing %s of %s", path.Base(key), a.surface)
}

func encodeJSON(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	return append(data, '\n'), fault.Wrap(fault.Invalid, err, "encoding JSON")
}
