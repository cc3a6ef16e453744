package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/notify"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// signing is the secret of the test vectors of Standard Webhooks.
const signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var began = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func failed() status.Alert {
	return status.Alert{
		Rule: "LifeboatBackupFailed", Severity: status.Critical, State: status.Firing, Since: began, FiringSince: began,
		Labels:  map[string]string{"policy": "main-daily", "surface": "main", "kind": "snapshot"},
		Summary: "The last backup of main failed: <disk full> & more", Description: "Make room.", Runbook: "https://docs.example/lifeboatbackupfailed.md",
	}
}

func message() notify.Message {
	full := failed()
	full.Rule, full.Severity, full.Labels = "LifeboatDiskFull", status.Warning, map[string]string{"where": "db:/var"}
	return notify.Message{ID: "msg_1", At: began, Firing: []status.Alert{failed()}, Resolved: []status.Alert{full}, Pages: "https://lifeboat.example"}
}

// received is one request.
type received struct {
	header http.Header
	body   []byte
}

// receiver answers every request with a status, and hands over what it got.
func receiver(t *testing.T, code int) (url string, got <-chan received) {
	t.Helper()
	requests := make(chan received, 8)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- received{r.Header, body}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "an answer with token-in-the-path")
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func open(t *testing.T, c notify.Config) notify.Channel {
	t.Helper()
	channel, err := notify.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

func TestTheLibrarySignsAsTheSpecificationDoes(t *testing.T) {
	t.Parallel()
	w, err := standardwebhooks.NewWebhook(signing)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want || err != nil {
		t.Errorf("signature %s, %v; the specification's is %s", got, err, want)
	}
}

func TestAWebhookIsSignedAsStandardWebhooksSays(t *testing.T) {
	t.Parallel()
	url, requests := receiver(t, http.StatusNoContent)
	if err := open(t, notify.Config{Kind: notify.Webhook, URL: secret.String(url), Secret: signing}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	got := <-requests
	verifier, err := standardwebhooks.NewWebhook(signing)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(got.body, got.header); err != nil {
		t.Errorf("a receiver refuses it: %v", err)
	}
	if err := verifier.Verify(append(got.body, ' '), got.header); err == nil {
		t.Error("the signature is not of the body")
	}
	if id := got.header.Get("webhook-id"); id != "msg_1" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.header)
	}
	var event notify.Event
	if err := json.Unmarshal(got.body, &event); err != nil {
		t.Fatal(err)
	}
	if event.Type != "lifeboat.alerts" || !event.Timestamp.Equal(began) || len(event.Data.Firing) != 1 || event.Data.Still == nil ||
		event.Data.Resolved[0].Rule != "LifeboatDiskFull" || event.Data.Firing[0].Labels["policy"] != "main-daily" {
		t.Errorf("the body says %s", got.body)
	}
}

func TestSlackGetsBlocks(t *testing.T) {
	t.Parallel()
	url, requests := receiver(t, http.StatusOK)
	m := message()
	for range 60 {
		m.Firing = append(m.Firing, failed())
	}
	if err := open(t, notify.Config{Kind: notify.Slack, URL: secret.String(url)}).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var body struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct{ Type, Text string }
		}
	}
	raw := (<-requests).body
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	if body.Text != "[Lifeboat] ALERT: LifeboatBackupFailed (policy main-daily) and 61 more" || len(body.Blocks) > 50 {
		t.Errorf("text %q, %d blocks", body.Text, len(body.Blocks))
	}
	text := string(raw)
	for _, want := range []string{"and 41 more firing", "LifeboatDiskFull", "resolved", "lifeboat.example"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	if first := body.Blocks[1].Text; first.Type != "mrkdwn" || !strings.Contains(first.Text, "&lt;disk full&gt; &amp; more") ||
		!strings.Contains(first.Text, "<https://docs.example/lifeboatbackupfailed.md|Runbook>") {
		t.Errorf("a block %q", first.Text)
	}
}

func TestHowAnAnswerIsTaken(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]fault.Kind{
		200: "", 202: "", 302: fault.Invalid, 400: fault.Invalid, 401: fault.Denied, 403: fault.Denied, 404: fault.Denied, 410: fault.Denied,
		408: fault.Unavailable, 429: fault.Unavailable, 500: fault.Unavailable, 503: fault.Unavailable,
	} {
		url, _ := receiver(t, code)
		for _, c := range []notify.Config{
			{Kind: notify.Webhook, URL: secret.String(url + "/token-in-the-path"), Secret: signing},
			{Kind: notify.Slack, URL: secret.String(url + "/token-in-the-path")},
			{Kind: notify.URL, URL: secret.String("generic+" + url + "/token-in-the-path")},
		} {
			// shoutrrr's own services follow redirects.
			if c.Kind == notify.URL && code < 400 {
				continue
			}
			err := open(t, c).Send(t.Context(), message())
			if (err == nil) != (want == "") || err != nil && !fault.Is(err, want) {
				t.Errorf("%s, HTTP %d: %v of kind %s, want %q", c.Kind, code, err, fault.KindOf(err), want)
			}
			if err != nil && strings.Contains(err.Error(), "token-in") {
				t.Errorf("%s, HTTP %d: the error shows a token: %v", c.Kind, code, err)
			}
		}
	}
}

func TestAnotherServiceIsTold(t *testing.T) {
	t.Parallel()
	url, requests := receiver(t, http.StatusOK)
	if err := open(t, notify.Config{Kind: notify.URL, URL: secret.String("generic+" + url)}).Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if body := string((<-requests).body); !strings.Contains(body, "ALERT: LifeboatBackupFailed") || !strings.Contains(body, "RESOLVED (1)") {
		t.Errorf("it got %q", body)
	}
}

func TestNothingShowsAnAddress(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := "http://" + listener.Addr().String() + "/services/token-in-the-path?key=token-in-the-query"
	listener.Close()
	for _, c := range []notify.Config{
		{Kind: notify.Webhook, URL: secret.String(away), Secret: signing}, {Kind: notify.Slack, URL: secret.String(away)},
		{Kind: notify.URL, URL: secret.String("generic+" + away)},
	} {
		err := open(t, c).Send(t.Context(), message())
		if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "token-in") {
			t.Errorf("%s: %v", c.Kind, err)
		}
	}
	for _, c := range []notify.Config{
		{Kind: notify.URL, URL: "nosuch://user:token-in@host/token-in"}, {Kind: notify.URL, URL: "logger://"},
		{Kind: notify.Webhook, URL: "http://h", Secret: "token-in"}, {Kind: "pigeon"}, {Kind: notify.Email, Server: "mail"},
	} {
		if _, err := notify.Open(c); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "token-in") {
			t.Errorf("opened %s: %v", c.Kind, err)
		}
	}
}

func TestAnAttemptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var came atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		came.Store(true)
		cancel()
		<-release
	}))
	t.Cleanup(func() {
		close(release)
		server.Close()
	})
	for _, c := range []notify.Config{
		{Kind: notify.Webhook, URL: secret.String(server.URL), Secret: signing}, {Kind: notify.URL, URL: secret.String("generic+" + server.URL)},
	} {
		if err := open(t, c).Send(ctx, message()); !errors.Is(err, context.Canceled) || !came.Load() {
			t.Errorf("%s: %v", c.Kind, err)
		}
	}
}

// TestWhatServicesSayIsClassified has texts as services make them: a port is no status.
func TestWhatServicesSayIsClassified(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]fault.Kind{
		"unexpected status: 404 - no such topic": fault.Denied,
		"got HTTP 429 Too Many Requests":         fault.Unavailable,
		"server returned (400)":                  fault.Invalid,
		"502":                                    fault.Unavailable,
		"dial tcp 10.0.0.1:443: connect: connection refused":               fault.Unavailable,
		"dial tcp [2001:db8::404]:443: i/o timeout":                        fault.Unavailable,
		`Post "https://ntfy.example:443/topic": EOF`:                       fault.Unavailable,
		"lookup 401.example: no such host":                                 fault.Unavailable,
		"response failed: invalid_payload token-in-the-path was not known": fault.Unavailable,
	} {
		err := notify.Classify(errors.New(text))
		if !fault.Is(err, want) || strings.Contains(err.Error(), "token-in") {
			t.Errorf("%q: %v of kind %s, want %s", text, err, fault.KindOf(err), want)
		}
	}
}
