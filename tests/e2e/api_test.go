package e2e

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestAPIKilledBetweenRequestAndAnswer kills the API server before the engine
// heard of the request, and after it did but before the client got an answer.
// The same request again makes one snapshot in either case.
func TestAPIKilledBetweenRequestAndAnswer(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	s := siteFor(t, live, rd.URL)
	s.start(t, "up", "--api=false")
	found, err := engine.Find(filepath.Join(s.dataDir, "engine"))
	if err != nil {
		t.Fatal(err)
	}
	link := servers.NewProxy(t, found.Address)
	far := s.with(t, "listen: ", "temporal: {address: \""+link.Address+"\"}\nlisten: ")
	for name, moment := range map[string]struct {
		hold func()
		// begun says whether the engine hears of the first request.
		begun bool
	}{
		"before": {link.Stall, false},
		"after":  {link.Mute, true},
	} {
		t.Run(name, func(t *testing.T) {
			victim := far.start(t, "apiserver")
			before := s.countSnapshots(t)
			moment.hold()
			asked := make(chan int, 1)
			const body = `{"database":"main"}`
			go func() {
				status, _ := s.try(http.MethodPost, "/v1/admin/snapshots/create", body, nil, "Idempotency-Key", name)
				asked <- status
			}()
			eventually(t, time.Minute, "the request is under way", func() bool {
				return link.Waiting() > 0 && (s.countSnapshots(t) > before) == moment.begun
			})
			victim.Kill()
			if status := <-asked; status != 0 {
				t.Fatalf("the first request was answered: %d", status)
			}
			link.Heal()
			again := far.start(t, "apiserver")
			defer again.Stop()
			var first, second started
			for _, into := range []*started{&first, &second} {
				if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", body, into, "Idempotency-Key", name); status != http.StatusAccepted {
					t.Fatalf("the same request again: %d", status)
				}
			}
			if first != second {
				t.Errorf("the same request started %+v and %+v", first, second)
			}
			s.verified(t, first, live)
			if n := s.countSnapshots(t); n != before+1 {
				t.Errorf("%d snapshots were started, want one", n-before)
			}
		})
	}
}
