package surface

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// Observed is a surface whose source shows signs of life: the replicas of a
// database, the pods of a namespace, certificates, volumes.
type Observed interface {
	// Observe reads them once and changes nothing. What could be read is
	// returned beside the error that says what could not. It takes no more than
	// the rights that snapshots take, or says which right is missing. The caller
	// fills in the surface's name.
	Observe(ctx context.Context) (status.Vitals, error)
}
