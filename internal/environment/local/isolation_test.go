package local

import (
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// tried are the attempts at a server, none of which has a secret in it.
func tried(t *testing.T, e *Environment, s Server, live ...secret.String) []drill.Attempt {
	t.Helper()
	out, err := e.TryIsolation(t.Context(), s.ID, live)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{password(t, s), livePassword} {
		if strings.Contains(string(text), hidden) {
			t.Errorf("a password is in %s", text)
		}
	}
	return out
}

const livePassword = "live-and-secret"

// requireResults fails the test unless exactly the attempts fail that begin so.
func requireResults(t *testing.T, out []drill.Attempt, failing ...string) {
	t.Helper()
	failed := map[string]bool{}
	for _, a := range out {
		begins := ""
		for _, f := range failing {
			if strings.HasPrefix(a.What, f) {
				begins = f
			}
		}
		failed[begins] = true
		if want := begins == ""; a.What == "" || a.Expected == "" || a.Observed == "" || want != (a.Result != drill.Fail) {
			t.Errorf("%+v", a)
		}
	}
	for _, f := range failing {
		if !failed[f] {
			t.Errorf("nothing is said of %s", f)
		}
	}
	if testing.Verbose() {
		for _, a := range out {
			t.Logf("%s: %s (expected: %s): %s", a.What, a.Observed, a.Expected, a.Result)
		}
	}
}

// outside is an address of this host that is not loopback.
func outside(t *testing.T) (netip.Addr, bool) {
	t.Helper()
	addresses, err := outsideAddresses()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if a.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func TestAnIsolatedPostgres(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "pg", Spec{Kind: "postgres"})
	query(t, s, "CREATE ROLE app LOGIN SUPERUSER PASSWORD '"+livePassword+"'; SELECT 1")
	live := secret.String("postgres://app:" + livePassword + "@db.example:5432/app?sslmode=verify-full&target_session_attrs=read-write")
	words := secret.String("host=db.example user=lifeboat password=" + livePassword)
	requireResults(t, tried(t, e, s, live, words))
	s, err := e.MakeDurable(t.Context(), "pg")
	if err != nil {
		t.Fatal(err)
	}
	requireResults(t, tried(t, e, s, live, words))
	if _, err := e.TryIsolation(t.Context(), "absent", nil); !fault.Is(err, fault.Missing) {
		t.Errorf("a server that does not exist: %v", err)
	}
	// What is let in where it should not be.
	requireResults(t, tried(t, e, s, s.URL, "redis://127.0.0.1", "postgres://\x7f"), "log in as \"lifeboat\"", "log in with live credentials")
	if err := os.WriteFile(filepath.Join(s.Dir, "data", "pg_hba.conf"), []byte("host all all 0.0.0.0/0 trust\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	query(t, s, "ALTER SYSTEM SET primary_conninfo = 'host=db.example password="+livePassword+"'")
	query(t, s, "SELECT pg_reload_conf()")
	await(t, "reloaded configuration", func() bool { return query(t, s, "SHOW primary_conninfo") != "" })
	requireResults(t, tried(t, e, s, live), "log in", "who may log in", "replication from")
}

func TestARecoveredPostgresIsIsolated(t *testing.T) {
	t.Parallel()
	publisher := servers.Postgres(t, "wal_level = logical")
	s := production(t)
	e := New(dataDir(t))
	s.exec(t, "CREATE SUBSCRIPTION s CONNECTION '"+publisher.URL+"' PUBLICATION p WITH (connect = false, slot_name = 's')")
	s.exec(t, "ALTER SUBSCRIPTION s ENABLE")
	s.exec(t, "CREATE ROLE app LOGIN SUPERUSER PASSWORD '"+livePassword+"'")
	s.backup(t, prepare(t, e, "pg"))
	s.ship(t)
	if _, err := e.TryIsolation(t.Context(), "pg", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("before it is recovered: %v", err)
	}
	got := recovered(t, e, "pg", s.to()).Server
	out := tried(t, e, got, secret.String("postgres://app:"+livePassword+"@localhost/postgres"))
	requireResults(t, out)
	for _, a := range out {
		if a.What == "subscriptions to other servers" && !strings.HasSuffix(a.Observed, "restored: 1") {
			t.Errorf("%+v", a)
		}
	}
}

func TestAnIsolatedRedis(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "r", Spec{Kind: "redis"})
	live := secret.String("rediss://app:" + livePassword + "@cache.example:6379/3")
	requireResults(t, tried(t, e, s, live, "redis://:"+livePassword+"@cache.example", "redis://cache.example"))
	requireResults(t, tried(t, e, s, s.URL, "postgres://localhost"), "log in as \"default\"", "log in with live credentials")

	c := redisClient(t, s)
	set := func(name, value string) {
		t.Helper()
		if err := c.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	address, ok := outside(t)
	if !ok {
		t.Log("this host has no address but loopback: less is tried")
	} else {
		set("bind", "127.0.0.1 "+address.String())
		requireResults(t, tried(t, e, s, live), "sockets that it listens on", "connect to "+address.String())
		set("bind", "127.0.0.1")
		l, err := net.Listen("tcp", net.JoinHostPort(address.String(), "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		host, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.ReplicaOf(t.Context(), host, port).Err(); err != nil {
			t.Fatal(err)
		}
		// Nobody answers there: it stays connected while it waits.
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		requireResults(t, tried(t, e, s, live), "connections of its processes", "replication with")
		if err := c.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("requirepass", "")
	requireResults(t, tried(t, e, s), "log in without a password")
}

func TestLimitsAreSaid(t *testing.T) {
	t.Parallel()
	if !strings.Contains(strings.Join(Limits(), "\n"), "not barred") {
		t.Errorf("limits are %q", Limits())
	}
}

func TestSocketsAreRead(t *testing.T) {
	t.Parallel()
	const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	const rest = " 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n"
	for text, want := range map[string]socket{
		"   0: 0100007F:1538 00000000:0000 0A": {local: netip.MustParseAddrPort("127.0.0.1:5432"), remote: netip.MustParseAddrPort("0.0.0.0:0"), state: 10},
		"   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A": {
			local: netip.MustParseAddrPort("[::1]:80"), remote: netip.MustParseAddrPort("[::]:0"), state: 10,
		},
		"   2: 0000000000000000FFFF00000100007F:0050 B80D01200000000000000000EFBEADDE:01BB 01": {
			local: netip.MustParseAddrPort("127.0.0.1:80"), remote: netip.MustParseAddrPort("[2001:db8::dead:beef]:443"), state: 1,
		},
	} {
		want.network, want.inode = "tcp", "4711"
		got, err := readSockets(strings.NewReader(head+text+rest), "tcp")
		// As hosts have them that begin with the lowest byte.
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s is %+v: %v", text, got, err)
		}
	}
	for _, text := range []string{"0: 0100007F:1538", "0: 0100007F 00000000:0000 0A" + rest, "0: 0100007F:1538 0000000:0000 0A" + rest, "0: 0100007F:1538 00000000:0000 XX" + rest, "0: ZZ00007F:1538 00000000:0000 0A" + rest} {
		if got, err := readSockets(strings.NewReader(head+text), "tcp"); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestLeftovers(t *testing.T) {
	t.Parallel()
	e, _ := programsOf(t)
	pg := start(t, e, "pg", Spec{Kind: "postgres"})
	address := freeAddress(t)
	p := playing("app", "listener", address)
	p.Ready = address
	if _, err := e.StartProgram(t.Context(), "d1", p); err != nil {
		t.Fatal(err)
	}
	left, err := e.Leftovers([]string{"pg", "absent"}, "d1")
	if err != nil {
		t.Fatal(err)
	}
	group := filepath.Join(e.programsDir(), "d1")
	for _, want := range []string{
		"folder " + pg.Dir, "(postgres) of " + pg.Dir, "socket tcp " + pg.Address + " of " + pg.Dir, "socket " + pg.Dir + "/run/",
		"folder " + group, " of " + group, "socket tcp " + address + " of " + group,
	} {
		if !strings.Contains(strings.Join(left, "\n")+"\n", want) {
			t.Errorf("%s is not among %q", want, left)
		}
	}
	if err := e.Stop(t.Context(), "pg"); err != nil {
		t.Fatal(err)
	}
	// Without its folder, a program is still found.
	if err := os.RemoveAll(group); err != nil {
		t.Fatal(err)
	}
	if left, err := e.Leftovers([]string{"pg"}, "d1"); err != nil || !strings.Contains(strings.Join(left, "\n"), "process ") || strings.Contains(strings.Join(left, "\n"), pg.Dir) {
		t.Errorf("left are %q: %v", left, err)
	}
	requireStopped(t, e)
	if left, err := e.Leftovers([]string{"pg", "absent"}, "d1"); err != nil || len(left) != 0 {
		t.Errorf("left are %q: %v", left, err)
	}
	if _, err := e.Leftovers([]string{"../up"}, ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("look for what can't be: %v", err)
	}
}
