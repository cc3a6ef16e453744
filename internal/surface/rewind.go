package surface

import (
	"context"
	"time"
)

// Rewinder is a surface whose source keeps old versions of its things by
// itself, so that a part of it can be put back to a moment without a point.
type Rewinder interface {
	// RestoreAsOf restores what is below a prefix as it was at a moment; an
	// empty prefix stands for all. Called again, it does only what is not done yet.
	RestoreAsOf(ctx context.Context, moment time.Time, prefix string, to Destination) (Rewound, error)
}

// Destination is where a prefix of a bucket is restored to.
type Destination struct {
	// Bucket is a bucket or container on the same service; empty means the surface's own.
	Bucket string `json:"bucket,omitempty"`
	// Prefix is what the keys get in place of that which was restored. It may be
	// that prefix itself, in the surface's own bucket: then old versions are put
	// back over what is there, and deleted objects are undeleted.
	Prefix string `json:"prefix,omitempty"`
	// Conflict says what becomes of what is there already: one of the
	// Conflicts; empty means ConflictFail.
	Conflict string `json:"conflict,omitempty"`
}

// Rewound is what came of a restore to a moment.
type Rewound struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
	// Copied objects were copied, Left ones were left as they were.
	Copied int64 `json:"copied"`
	Left   int64 `json:"left"`
	// Uncompared are those of Left that have the size of the wanted version, and
	// no digest that both tell: they may be others.
	Uncompared int64 `json:"uncompared,omitempty"`
	// Gaps say what is not known of the moment, one line each.
	Gaps []string `json:"gaps,omitempty"`
}
