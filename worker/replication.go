package worker

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
)

// CheckReplication opens a replication connection to a surface's server, and
// says what answers. The error says what to grant or to set.
func (p *Parts) CheckReplication(ctx context.Context, surface string) (string, error) {
	conn, err := replication.Connect(ctx, activities.ReplicationServer(p.Config, surface))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	system, err := conn.Identify(ctx)
	return fmt.Sprintf("system %d, timeline %d, at %s", system.ID, system.Timeline, system.At), err
}
