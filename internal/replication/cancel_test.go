package replication_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// A cancelled backup ends on the server too: while it waits for its checkpoint,
// while it is held back by its rate, and while it waits for us.
func TestCancelledBaseBackup(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "checkpoint_timeout = 30min")
	for name, o := range map[string]replication.BaseOptions{"checkpoint": {}, "rate": {Fast: true, MaxRateKBps: 32}, "stuck": {Fast: true}} {
		t.Run(name, func(t *testing.T) {
			// Pages to write make a spread checkpoint last.
			write(t, pg.URL, 30)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			sink := &archives{}
			if name == "stuck" {
				sink.onArchive = func(string) (io.Writer, error) {
					cancel()
					return io.Discard, nil
				}
			}
			conn := dial(t, at(pg.URL))
			done := make(chan error, 1)
			go func() {
				_, err := conn.BaseBackup(ctx, o, sink)
				done <- err
			}()
			if name != "stuck" {
				phase := map[string]string{"checkpoint": "waiting for checkpoint to finish", "rate": "streaming database files"}[name]
				eventually(t, "the backup is "+phase, func() bool {
					return value[bool](t, pg.URL, "SELECT EXISTS (SELECT FROM pg_stat_progress_basebackup WHERE phase = $1)", phase)
				})
				cancel()
			}
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			eventually(t, "the backup has ended on the server", func() bool {
				return value[int](t, pg.URL, "SELECT count(*) FROM pg_stat_progress_basebackup") == 0
			})
		})
	}
}
