package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/lifeboat-dr/lifeboat/internal/notify"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const alertsConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
stores:
  primary: {kind: local, dir: %STORE%}
surfaces:
  main: {kind: postgres, url: "POSTGRES"}
policies:
  main-daily: {surface: main, kind: snapshot, cron: "0 2 * * *", store: primary}
alerts:
  channels:
    ops:   {kind: webhook, url: "RECEIVER/ops/token-in-the-path", secret: SIGNING, minSeverity: critical}
    chat:  {kind: slack, url: "RECEIVER/chat/token-in-the-path", minSeverity: critical}
  links: https://lifeboat.example
`

const signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// people receive what the channels are told.
type people struct {
	url string

	mu sync.Mutex
	// ops are the webhooks that were taken, by their order, and ids their IDs.
	ops []notify.Event
	ids []string
	// chat are the messages that the chat took; refused counts those that came while it was away.
	chat    []string
	away    bool
	refused int
}

func newPeople(t *testing.T) *people {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(signing)
	if err != nil {
		t.Fatal(err)
	}
	p := &people{away: true}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/ops/"):
			var event notify.Event
			if err := verifier.Verify(body, r.Header); err != nil {
				t.Errorf("a webhook is not signed as it should be: %v", err)
			}
			if err := json.Unmarshal(body, &event); err != nil {
				t.Error(err)
			}
			p.ops, p.ids = append(p.ops, event), append(p.ids, r.Header.Get("webhook-id"))
		case p.away:
			p.refused++
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			p.chat = append(p.chat, string(body))
		}
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// look looks at what was received.
func (p *people) look(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

func (p *people) counts() (ops, chat, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ops), len(p.chat), p.refused
}

// TestPeopleAreToldOnce has a backup fail and succeed: each channel is told of
// the one and of the other once, though Lifeboat is killed in between, and a
// channel is away for a while.
func TestPeopleAreToldOnce(t *testing.T) {
	t.Parallel()
	pg, told := servers.Postgres(t), newPeople(t)
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "POSTGRES", pg.DatabaseURL("shop"), "RECEIVER", told.url, "SIGNING", signing).Replace(alertsConfig))
	up := s.start(t, "up")

	// There is no such database yet.
	s.runPolicy(t)
	eventually(t, 2*time.Minute, "somebody is told of the failure", func() bool { ops, _, _ := told.counts(); return ops > 0 })
	var alerts []status.Alert
	s.ask(t, &alerts, "alerts", "list")
	if len(alerts) == 0 || alerts[0].Rule != "LifeboatBackupFailed" || alerts[0].State != status.Firing || alerts[0].Labels["policy"] != "main-daily" {
		t.Errorf("alerts list says %+v", alerts)
	}
	// A step makes three attempts: the run has made a pause, and begun another.
	eventually(t, time.Minute, "the chat is tried again", func() bool { _, _, refused := told.counts(); return refused >= 4 })
	told.look(func() { told.away = false })
	eventually(t, time.Minute, "the chat is told when it is back", func() bool { _, chat, _ := told.counts(); return chat > 0 })

	s.link.close()
	s.link = &link{}
	up.Kill()
	s.start(t, "up")
	shop(t, pg, 10)
	s.runPolicy(t)
	eventually(t, 3*time.Minute, "both are told that it is over", func() bool { ops, chat, _ := told.counts(); return ops > 1 && chat > 1 })
	c := s.temporal(t)
	for _, id := range []string{"notify/ops", "notify/chat"} {
		eventually(t, time.Minute, id+" ends when nothing fires", func() bool {
			run, err := c.DescribeWorkflowExecution(t.Context(), id, "")
			return err == nil && run.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		})
	}
	told.once(t)
	readable := false
	for _, event := range append(history(t, c, "notify/ops", ""), history(t, c, "notify/chat", "")...) {
		// As text, what payloads hold is readable.
		text := event.String()
		if strings.Contains(text, "token-in-the-path") || strings.Contains(text, strings.TrimPrefix(signing, "whsec_")) {
			t.Errorf("an event of the history shows where a channel leads: %s", text)
		}
		readable = readable || strings.Contains(text, "LifeboatBackupFailed")
	}
	if !readable {
		t.Error("nothing can be read of the histories, and so nothing is shown by them")
	}
	s.record(t, map[string]string{"notify": "notify/ops", "notify-retried": "notify/chat"})
}

// runPolicy has the policy run now.
func (s *site) runPolicy(t *testing.T) {
	t.Helper()
	if code := s.call(t, http.MethodPost, "/v1/schedules/main-daily/run", "", nil); code != http.StatusAccepted {
		t.Fatalf("run answers %d", code)
	}
}

// once checks that each was told of the failure once, and of its end once.
func (p *people) once(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ops) != 2 || len(p.chat) != 2 || p.ids[0] == p.ids[1] {
		t.Fatalf("ops was told %d times with IDs %q, the chat %d times: %+v %q", len(p.ops), p.ids, len(p.chat), p.ops, p.chat)
	}
	first, second := p.ops[0], p.ops[1]
	if len(first.Data.Firing) != 1 || first.Data.Firing[0].Rule != "LifeboatBackupFailed" || len(first.Data.Resolved) != 0 || first.Data.Pages != "https://lifeboat.example" {
		t.Errorf("first ops heard %+v", first)
	}
	if len(second.Data.Resolved) != 1 || second.Data.Resolved[0].Rule != "LifeboatBackupFailed" || len(second.Data.Firing)+len(second.Data.Still) != 0 {
		t.Errorf("then ops heard %+v", second)
	}
	if !strings.Contains(first.Data.Firing[0].Summary, "shop") || !strings.Contains(p.chat[0], "firing") || !strings.Contains(p.chat[1], "resolved") {
		t.Errorf("they heard %q and %q", first.Data.Firing[0].Summary, p.chat)
	}
}
