package managedtest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// Provider is a double, as far as the suite knows it.
type Provider interface {
	// SourceURL connects to the source as a superuser; Began is the first time that can be restored to.
	SourceURL() string
	Began() time.Time
	// Restores is how many restores were begun. Hold keeps them from going on,
	// FailRestores has them fail.
	Restores() int
	Hold() (release func())
	FailRestores(fail bool)
	// Throttle has the next n requests refused as too many.
	Throttle(n int)
	// Add makes an instance that no restore has made; Has reports whether there
	// is one that isn't being deleted.
	Add(name string, tags map[string]string)
	Has(name string) bool
}

// Subject is a service to test, and the double that it talks to.
type Subject struct {
	Cloud Provider
	// Config is that of the source at the double.
	Config managed.Config
	// Denied is Config with credentials that are refused; Wrong is what must not be shown of them.
	Denied managed.Config
	Wrong  string
	// Open opens the service with the URL of the source.
	Open func(t *testing.T, c managed.Config) managed.Service

	// Archive has all that the source has written come into the window; nil where
	// it does so by itself.
	Archive func()
	// Elsewhere is a Config of a provider at another address; nil for its endpoint.
	Elsewhere func(c managed.Config, address string) managed.Config
	// Interruptible says that an instance can be deleted that is being made.
	Interruptible bool
}

// archive has what was written so far be restorable.
func (s Subject) archive() {
	if s.Archive != nil {
		s.Archive()
	}
}

// Run runs the suite. The parts change what the double does, and so run one after the other.
func Run(t *testing.T, s Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject, managed.Service)
	}{
		{"Window", window},
		{"ToTheSecond", toTheSecond},
		{"Latest", toTheLatest},
		{"OutsideTheWindow", outsideTheWindow},
		{"NameTaken", nameTaken},
		{"BadNames", badNames},
		{"NotOurs", notOurs},
		{"NotReady", notReady},
		{"Throttled", throttled},
		{"Failing", failing},
		{"Denied", denied},
		{"Unreachable", unreachable},
		{"Cancelled", cancelled},
		{"NoSource", noSource},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s, s.Open(t, s.Config)) })
	}
}

// want fails the test unless err is of the kind; it returns the one line of it.
func want(t *testing.T, err error, kind fault.Kind) string {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("error of kind %q: %v; want %q", fault.KindOf(err), err, kind)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("an error of several lines: %q", err.Error())
	}
	return err.Error()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await waits for an instance to leave the states that pass.
func await(t *testing.T, service managed.Service, name string, passing ...managed.State) managed.Instance {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		instance, err := service.Status(t.Context(), name)
		must(t, err)
		pass := false
		for _, state := range passing {
			pass = pass || instance.State == state
		}
		if !pass {
			return instance
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still %s: %s", name, instance.State, instance.Detail)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Restored restores, waits until the instance is there, and deletes it at the end of the test.
func Restored(t *testing.T, service managed.Service, r managed.Request) managed.Instance {
	t.Helper()
	must(t, service.Restore(t.Context(), r))
	t.Cleanup(func() {
		if err := service.Delete(context.Background(), r.Name); err != nil {
			t.Errorf("delete %s: %v", r.Name, err)
		}
	})
	instance := await(t, service, r.Name, managed.Creating)
	if instance.State != managed.Available {
		t.Fatalf("%s is %s: %s", r.Name, instance.State, instance.Detail)
	}
	return instance
}

func window(t *testing.T, s Subject, service managed.Service) {
	before := time.Now().Truncate(time.Second)
	s.archive()
	got, err := service.Window(t.Context())
	must(t, err)
	if !got.Earliest.Equal(s.Cloud.Began()) {
		t.Errorf("the window begins at %v, want %v", got.Earliest, s.Cloud.Began())
	}
	if got.Latest.Before(before) || got.Latest.After(time.Now()) {
		t.Errorf("the window ends at %v; it was asked for at %v", got.Latest, before)
	}
	if got.Earliest.Location() != time.UTC || got.Latest.Location() != time.UTC {
		t.Errorf("the window is not in UTC: %v to %v", got.Earliest, got.Latest)
	}
}

func outsideTheWindow(t *testing.T, s Subject, service managed.Service) {
	begun := s.Cloud.Restores()
	line := want(t, service.Restore(t.Context(), managed.Request{Name: "too-early", At: s.Cloud.Began().Add(-time.Hour)}), fault.Missing)
	if nearest := s.Cloud.Began().UTC().Format(time.RFC3339); !strings.Contains(line, nearest) {
		t.Errorf("%q does not name the nearest time, %s", line, nearest)
	}
	want(t, service.Restore(t.Context(), managed.Request{Name: "too-late", At: time.Now().Add(time.Hour)}), fault.Missing)
	if s.Cloud.Restores() != begun {
		t.Error("a restore was begun")
	}
}

func nameTaken(t *testing.T, s Subject, service managed.Service) {
	s.Cloud.Add("taken", map[string]string{"team": "billing"})
	s.Cloud.Add("of-another", managed.Request{Name: "of-another"}.Tags("another-source"))
	begun := s.Cloud.Restores()
	for _, name := range []string{"taken", "of-another", Source} {
		want(t, service.Restore(t.Context(), managed.Request{Name: name}), fault.Conflict)
	}
	if s.Cloud.Restores() != begun {
		t.Error("a restore was begun")
	}
}

func badNames(t *testing.T, _ Subject, service managed.Service) {
	for _, name := range []string{"", "ab", "Capital", "9lives", "under_score", "two--hyphens", "hyphen-", "-hyphen", "../x", strings.Repeat("a", 61)} {
		want(t, service.Restore(t.Context(), managed.Request{Name: name}), fault.Invalid)
	}
}

func notOurs(t *testing.T, s Subject, service managed.Service) {
	s.Cloud.Add("precious", map[string]string{"team": "billing"})
	s.Cloud.Add("of-another", managed.Request{Name: "of-another"}.Tags("another-source"))
	for _, name := range []string{"precious", "of-another", Source} {
		want(t, service.Delete(t.Context(), name), fault.Conflict)
		if !s.Cloud.Has(name) {
			t.Errorf("%s is deleted", name)
		}
	}
	must(t, service.Delete(t.Context(), "never-was"))
}

func unreachable(t *testing.T, s Subject, _ managed.Service) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			conn.Close()
		}
	}()
	config := s.Config
	config.Endpoint = "https://" + listener.Addr().String()
	if s.Elsewhere != nil {
		config = s.Elsewhere(s.Config, listener.Addr().String())
	}
	_, err = s.Open(t, config).Window(t.Context())
	want(t, err, fault.Unavailable)
}

func cancelled(t *testing.T, _ Subject, service managed.Service) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := service.Window(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a window without a context: %v", err)
	}
}

func noSource(t *testing.T, s Subject, _ managed.Service) {
	config := s.Config
	config.Instance = "never-was"
	service := s.Open(t, config)
	_, err := service.Window(t.Context())
	want(t, err, fault.Missing)
	want(t, service.Restore(t.Context(), managed.Request{Name: "of-nothing"}), fault.Missing)
}
