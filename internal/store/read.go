package store

import (
	"cmp"
	"context"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// ReadSmall reads a whole object of at most limit bytes; a larger one is fault.Corrupt.
func ReadSmall(ctx context.Context, st Store, key string, limit int64) ([]byte, error) {
	body, err := st.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err := cmp.Or(err, body.Close()); err != nil {
		return nil, fault.While(err, "reading %s", key)
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.Corrupt, "%s has more than %d bytes", key, limit)
	}
	return data, nil
}
