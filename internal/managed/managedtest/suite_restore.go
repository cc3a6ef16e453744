package managedtest

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// sql runs a statement on the source, which commits.
func sql(t *testing.T, s Subject, statement string) {
	t.Helper()
	must(t, query(s.Cloud.SourceURL(), func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	}))
}

// turn waits until the source's clock has passed a whole second, and returns it.
func turn(t *testing.T, s Subject) time.Time {
	t.Helper()
	var at time.Time
	must(t, query(s.Cloud.SourceURL(), func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select date_trunc('second', now()) + interval '1 second'").Scan(&at)
	}))
	for !time.Now().After(at) {
		time.Sleep(time.Until(at) + time.Millisecond)
	}
	return at
}

// names reads the table of a restored instance as the service connects to it.
func names(t *testing.T, service managed.Service, instance, table string) []string {
	t.Helper()
	url, err := service.Connect(t.Context(), instance)
	must(t, err)
	var found []string
	must(t, query(url.Reveal(), func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "select name from "+table+" order by name")
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}))
	return found
}

func toTheSecond(t *testing.T, s Subject, service managed.Service) {
	sql(t, s, "create table seconds (name text)")
	sql(t, s, "insert into seconds values ('before')")
	at := turn(t, s)
	sql(t, s, "insert into seconds values ('later')")
	sql(t, s, "delete from seconds where name = 'before'")
	s.archive()
	begun := s.Cloud.Restores()
	// The fraction is more than the provider promises.
	request := managed.Request{Name: "to-the-second", At: at.Add(time.Microsecond)}
	instance := Restored(t, service, request)
	if got := names(t, service, request.Name, "seconds"); !slices.Equal(got, []string{"before"}) {
		t.Errorf("as of %v there is %q, want what was committed before", at, got)
	}
	must(t, service.Restore(t.Context(), managed.Request{Name: request.Name, At: at}))
	must(t, s.Open(t, s.Config).Restore(t.Context(), request))
	if n := s.Cloud.Restores() - begun; n != 1 {
		t.Errorf("%d restores were begun, want one", n)
	}
	want(t, service.Restore(t.Context(), managed.Request{Name: request.Name, At: at.Add(-time.Second)}), fault.Conflict)
	want(t, service.Restore(t.Context(), managed.Request{Name: request.Name}), fault.Conflict)

	// Another process may delete it.
	must(t, s.Open(t, s.Config).Delete(t.Context(), request.Name))
	must(t, service.Delete(t.Context(), request.Name))
	if left := await(t, service, request.Name, managed.Deleting); left.State != managed.Gone {
		t.Errorf("after it was deleted, it is %s", left.State)
	}
	if conn, err := net.DialTimeout("tcp", instance.Address, time.Second); err == nil {
		conn.Close()
		t.Error("the server of a deleted instance answers")
	}
	_, err := service.Connect(t.Context(), request.Name)
	want(t, err, fault.Missing)
	must(t, service.Delete(t.Context(), request.Name))
}

func toTheLatest(t *testing.T, s Subject, service managed.Service) {
	sql(t, s, "create table lately (name text)")
	sql(t, s, "insert into lately values ('first')")
	sql(t, s, "insert into lately values ('last')")
	s.archive()
	request := managed.Request{Name: "to-the-latest"}
	Restored(t, service, request)
	if got := names(t, service, request.Name, "lately"); !slices.Equal(got, []string{"first", "last"}) {
		t.Errorf("as of the latest there is %q", got)
	}
	must(t, service.Restore(t.Context(), request))
	want(t, service.Restore(t.Context(), managed.Request{Name: request.Name, At: s.Cloud.Began()}), fault.Conflict)
}

func notReady(t *testing.T, s Subject, service managed.Service) {
	release := s.Cloud.Hold()
	request := managed.Request{Name: "not-ready"}
	must(t, service.Restore(t.Context(), request))
	_, err := service.Connect(t.Context(), request.Name)
	want(t, err, fault.Unavailable)
	instance, err := service.Status(t.Context(), request.Name)
	must(t, err)
	if instance.State != managed.Creating || instance.Detail == "" {
		t.Errorf("a restore that goes on is %+v", instance)
	}
	if s.Interruptible {
		must(t, service.Delete(t.Context(), request.Name))
		if left := await(t, service, request.Name, managed.Deleting); left.State != managed.Gone {
			t.Errorf("after it was deleted, it is %s", left.State)
		}
		must(t, service.Restore(t.Context(), request))
	} else {
		// Nothing can be deleted that is being made, but later it can.
		want(t, service.Delete(t.Context(), request.Name), fault.Unavailable)
	}
	release()
	Restored(t, service, request)
}

func throttled(t *testing.T, s Subject, service managed.Service) {
	defer s.Cloud.Throttle(0)
	s.Cloud.Throttle(1)
	_, err := service.Window(t.Context())
	must(t, err)
	s.Cloud.Throttle(1000)
	_, err = service.Window(t.Context())
	want(t, err, fault.Unavailable)
	want(t, service.Restore(t.Context(), managed.Request{Name: "throttled"}), fault.Unavailable)
	s.Cloud.Throttle(0)
	_, err = service.Window(t.Context())
	must(t, err)
}

func failing(t *testing.T, s Subject, service managed.Service) {
	s.Cloud.FailRestores(true)
	defer s.Cloud.FailRestores(false)
	release := s.Cloud.Hold()
	request := managed.Request{Name: "failing"}
	must(t, service.Restore(t.Context(), request))
	release()
	instance := await(t, service, request.Name, managed.Creating)
	if instance.State != managed.Failed || !strings.Contains(instance.Detail, failure) {
		t.Errorf("a restore that has failed is %+v, want %q in it", instance, failure)
	}
	_, err := service.Connect(t.Context(), request.Name)
	if line := want(t, err, fault.Lost); !strings.Contains(line, failure) {
		t.Errorf("%q does not say why the restore has failed", line)
	}
	must(t, service.Delete(t.Context(), request.Name))
	if left := await(t, service, request.Name, managed.Deleting); left.State != managed.Gone {
		t.Errorf("after it was deleted, it is %s", left.State)
	}
}

func denied(t *testing.T, s Subject, _ managed.Service) {
	service := s.Open(t, s.Denied)
	_, err := service.Window(t.Context())
	line := want(t, err, fault.Denied)
	if strings.Contains(line, s.Wrong) {
		t.Errorf("the secret is in %q", line)
	}
	want(t, service.Restore(t.Context(), managed.Request{Name: "denied"}), fault.Denied)
	want(t, service.Delete(t.Context(), "denied"), fault.Denied)
}
