package local

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func itoa(n int) string { return strconv.Itoa(n) }

// The variables by which this test binary, run again, plays a worker.
const (
	workerDir  = "LIFEBOAT_TEST_WORKER_DIR"
	workerKind = "LIFEBOAT_TEST_WORKER_KIND"
)

func TestMain(m *testing.M) {
	if code, asked := Supervise(os.Args); asked {
		os.Exit(code)
	}
	if len(os.Args) > 2 && os.Args[1] == playFlag {
		os.Exit(play(os.Args[2], os.Args[3:]))
	}
	if dir := os.Getenv(workerDir); dir != "" {
		playWorker(dir)
		return
	}
	m.Run()
}

// playWorker starts a server, says so, and waits to be killed.
func playWorker(dir string) {
	kind, bound := strings.CutSuffix(os.Getenv(workerKind), "-bound")
	s, err := New(dir).Start(context.Background(), "kept", Spec{Kind: kind, Bound: bound})
	if err != nil {
		os.Stdout.WriteString("failed: " + err.Error() + "\n")
		return
	}
	os.Stdout.WriteString("started " + itoa(s.PID) + "\n")
	select {}
}

func TestServersOutliveTheWorker(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"postgres", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			e := New(dir)
			stopAtEnd(t, e, "kept")
			killWorker(t, dir, kind)
			s, err := e.Get("kept")
			if err != nil {
				t.Fatal(err)
			}
			if !s.Running() {
				t.Fatal("the server died with the worker")
			}
			environ, err := os.ReadFile(filepath.Join("/proc", itoa(s.PID), "environ"))
			if err != nil || strings.Contains(string(environ), workerDir) {
				t.Errorf("the server knows the worker's environment (%v): %q", err, environ)
			}
			again := start(t, e, "kept", Spec{Kind: kind})
			if again.PID != s.PID {
				t.Errorf("a running server was started anew")
			}
			if list, err := e.List(); err != nil || len(list) != 1 || list[0].ID != "kept" {
				t.Errorf("listed are %v: %v", list, err)
			}
			if err := e.Stop(t.Context(), "kept"); err != nil {
				t.Fatal(err)
			}
			requireGone(t, s)
			if _, err := e.Get("kept"); !fault.Is(err, fault.Missing) {
				t.Errorf("get what was stopped: %v", err)
			}
		})
	}
}

func TestBoundServersEndWithTheWorker(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	e := New(dir)
	stopAtEnd(t, e, "kept")
	killWorker(t, dir, "redis-bound")
	folder := filepath.Join(dir, "environments", "kept")
	if err := awaitEnd(t.Context(), mustProcesses(t, folder), folder); err != nil {
		t.Error(err)
	}
}

// killWorker runs a worker that starts a server, and kills it when it has.
func killWorker(t *testing.T, dir, kind string) {
	t.Helper()
	worker := exec.Command(os.Args[0])
	worker.Env = append(os.Environ(), workerDir+"="+dir, workerKind+"="+kind)
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	worker.Process.Kill()
	worker.Wait()
	if err != nil || !strings.HasPrefix(said, "started ") {
		t.Fatalf("the worker said %q: %v", said, err)
	}
}

func TestHalfMadeServersAreRemoved(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"postgres", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			e := New(dataDir(t))
			first := start(t, e, "half", Spec{Kind: kind})
			// As if the worker had died just before it wrote down which process it had started.
			i, err := e.instance("half")
			if err != nil {
				t.Fatal(err)
			}
			if err := i.mustLoad(); err != nil {
				t.Fatal(err)
			}
			i.rec.State, i.rec.PID = stateStarting, 0
			if err := i.save(); err != nil {
				t.Fatal(err)
			}
			second := start(t, e, "half", Spec{Kind: kind})
			if worksIn(first.PID, first.Dir) {
				t.Error("the forgotten process still runs")
			}
			if second.PID == first.PID || second.URL == first.URL || !second.Running() {
				t.Errorf("started over, %+v became %+v", first, second)
			}
		})
	}
}

func TestAServerIsLostWhenTheHostWentDown(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	start(t, e, "pg", Spec{Kind: "postgres"})
	i, err := e.instance("pg")
	if err != nil {
		t.Fatal(err)
	}
	if err := i.mustLoad(); err != nil {
		t.Fatal(err)
	}
	i.rec.Boot = "an earlier one"
	if err := i.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.MakeDurable(t.Context(), "pg"); !fault.Is(err, fault.Lost) {
		t.Errorf("what was being filled when the host went down was made durable: %v", err)
	}
}

func TestTheLogCanBeRead(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	start(t, e, "r", Spec{Kind: "redis"})
	if log, err := e.Log("r"); err != nil || !strings.Contains(log, "Ready to accept connections") {
		t.Errorf("the log is %q: %v", log, err)
	}
	if _, err := e.Log("absent"); !fault.Is(err, fault.Missing) {
		t.Errorf("the log of what does not exist: %v", err)
	}
}

func TestTheProductIsChosen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, says := range map[string]string{"redis-server": "Redis server v=8.2.0", "valkey-server": "Valkey server v=9.0.1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho '"+says+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for spec, want := range map[Spec]string{
		{BinDir: dir}: "8.2.0",
		{BinDir: dir, Product: "Redis", Major: 7}:   "8.2.0",
		{BinDir: dir, Product: "Valkey", Major: 8}:  "9.0.1",
		{BinDir: dir, Product: "Redis", Major: 9}:   "9.0.1",
		{BinDir: dir, Product: "Valkey", Major: 10}: "",
	} {
		got, err := redis{}.find(t.Context(), spec)
		if got.version != want || (want == "") != fault.Is(err, fault.Unsupported) {
			t.Errorf("for %s %d, %q was found, not %q: %v", spec.Product, spec.Major, got.version, want, err)
		}
	}
}

func TestAnUnreadableRecordCanBeStopped(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "r", Spec{Kind: "redis"})
	if err := os.WriteFile(filepath.Join(s.Dir, recordName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Start(t.Context(), "r", Spec{Kind: "redis"}); !fault.Is(err, fault.Corrupt) {
		t.Errorf("start over an unreadable record: %v", err)
	}
	if err := e.Stop(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	requireGone(t, s)
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	start(t, e, "taken", Spec{Kind: "redis"})
	for _, c := range []struct {
		id, kind string
		want     fault.Kind
	}{
		{"", "redis", fault.Invalid},
		{"../up", "redis", fault.Invalid},
		{".hidden", "redis", fault.Invalid},
		{"a/b", "redis", fault.Invalid},
		{strings.Repeat("x", 81), "redis", fault.Invalid},
		{"x", "mysql", fault.Invalid},
		{"taken", "postgres", fault.Conflict},
	} {
		if _, err := e.Start(t.Context(), c.id, Spec{Kind: c.kind}); !fault.Is(err, c.want) {
			t.Errorf("start %q of kind %s: %v, not of kind %s", c.id, c.kind, err, c.want)
		}
	}
	if _, err := e.MakeDurable(t.Context(), "absent"); !fault.Is(err, fault.Missing) {
		t.Errorf("make durable what does not exist: %v", err)
	}
	if err := e.Stop(t.Context(), "absent"); err != nil {
		t.Errorf("stop what does not exist: %v", err)
	}
}

func TestAnImpassableFolderIsReported(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs servers as another user")
	}
	dir := dataDir(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := New(dir).Start(t.Context(), "r", Spec{Kind: "redis"})
	if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "may not pass "+dir+":") {
		t.Errorf("start in a closed folder: %v", err)
	}
}

func TestATakenPortIsNotKept(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if portIsFree(t.Context(), l.Addr().(*net.TCPAddr).Port) {
		t.Error("a port that somebody listens on counts as free")
	}
}

func mustProcesses(t *testing.T, dir string) []int {
	t.Helper()
	pids, err := processesIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	return pids
}
