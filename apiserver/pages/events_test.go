package pages

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// follower reads a stream of events.
type follower struct {
	t     *testing.T
	lines *bufio.Scanner
}

// follow opens a stream that ends with the test.
func (w *browser) follow(topic string) (*follower, *http.Response) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	w.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/events?topic="+topic, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { answer.Body.Close() })
	f := &follower{w.t, bufio.NewScanner(answer.Body)}
	f.lines.Buffer(nil, 1<<20)
	return f, answer
}

// next is the next event of a name, and its data; others before it are skipped.
func (f *follower) next(name string) string {
	f.t.Helper()
	event, data := "", ""
	for f.lines.Scan() {
		line := f.lines.Text()
		switch {
		case strings.HasPrefix(line, "event: "):
			event, data = line[len("event: "):], ""
		case strings.HasPrefix(line, "data: "):
			data += line[len("data: "):] + "\n"
		case line == "" && event == name:
			return data
		}
	}
	f.t.Fatalf("the stream ends without the event %s: %v", name, f.lines.Err())
	return ""
}

func TestEventsArrive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	// A server whose limits for requests are shorter than the wait for the next event.
	impatient := httptest.NewUnstartedServer(b.handler)
	impatient.Config.ReadTimeout, impatient.Config.WriteTimeout = sharedFor/2, sharedFor/2
	impatient.Start()
	t.Cleanup(impatient.Close)
	b.url = impatient.URL
	f, answer := w.follow("overview")
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("status %d, %s", answer.StatusCode, got)
	}
	if got := f.next("headline"); !strings.Contains(got, "1 alert fires") {
		t.Errorf("the headline: %s", got)
	}
	first := f.next("overview")
	if !strings.Contains(first, "Last good point") || strings.Contains(first, "<html") {
		t.Errorf("the part: %s", first)
	}
	if _, err := html.ParseFragment(strings.NewReader(first), nil); err != nil {
		t.Error(err)
	}
	b.launcher.mu.Lock()
	b.launcher.running = []launch.Run{{Surface: "main", Operation: "restore", WorkflowID: "restore/main/y", Started: time.Now()}}
	b.launcher.mu.Unlock()
	for got := f.next("overview"); !strings.Contains(got, "restore/main/y"); got = f.next("overview") {
		t.Log("something else has changed before")
	}
}

func TestEventsEndWithTheSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	f, _ := w.follow("overview")
	f.next("overview")
	// Following is not using: the session runs out all the same.
	b.clock.move(idle)
	if got := f.next("session"); !strings.Contains(got, "You are signed out") {
		t.Errorf("the page is told %s", got)
	}
	f.next("close")
	if f.lines.Scan() {
		t.Errorf("the stream goes on: %s", f.lines.Text())
	}
	f, answer := b.browser().follow("overview")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d", answer.StatusCode)
	}
	f.next("close")
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	if _, answer := w.follow("nothing"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown topic: %d", answer.StatusCode)
	}
	for range maxStreamsEach {
		if _, answer := w.follow("overview"); answer.StatusCode != http.StatusOK {
			t.Fatalf("one of the session's own: %d", answer.StatusCode)
		}
	}
	refused := func(w *browser, who string) {
		t.Helper()
		if _, answer := w.follow("overview"); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("one too many of %s: %d", who, answer.StatusCode)
		}
	}
	refused(w, "a session")
	other := b.as(apiserver.Viewer)
	f, _ := other.follow("overview")
	f.next("overview")
	b.site.streams.mu.Lock()
	all, of := b.site.streams.all, len(b.site.streams.of)
	b.site.streams.all = maxStreams
	b.site.streams.mu.Unlock()
	if all != maxStreamsEach+1 || of != 2 {
		t.Errorf("%d streams of %d sessions are counted", all, of)
	}
	refused(b.as(apiserver.Operator), "everybody")
}

func TestStreamsThatEndMakeRoom(t *testing.T) {
	t.Parallel()
	var k streams
	for range 2 {
		for range maxStreamsEach {
			if !k.take("a") {
				t.Fatal("there is no room")
			}
		}
		if k.take("a") {
			t.Error("a session has too many")
		}
		for range maxStreamsEach {
			k.drop("a")
		}
	}
	for range maxStreams {
		if !k.take("") {
			t.Fatal("those of nobody are counted as one session's")
		}
	}
	if k.take("b") || len(k.of) > 0 {
		t.Errorf("too many are let in, or sessions are remembered: %v", k.of)
	}
}

func TestTroubleIsNotShared(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ask := func(role apiserver.Role) (standing, error) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events", http.NoBody)
		v := &visit{Context: b.site.router.NewContext(r, httptest.NewRecorder()), site: b.site, who: apiserver.Key{ID: "x", Role: role}}
		return b.site.shared.standing(v)
	}
	if _, err := ask("nobody"); err == nil {
		t.Fatal("who has no role is told")
	}
	if told, err := ask(apiserver.Viewer); err != nil || len(told.Rows) == 0 {
		t.Errorf("what one was refused, the next is refused: %v", err)
	}
}
