package local

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// programsOf is an environment whose group d1 is stopped when the test ends.
func programsOf(t *testing.T) (*Environment, string) {
	t.Helper()
	dir := dataDir(t)
	e := New(dir)
	t.Cleanup(func() {
		if err := e.StopGroup(context.Background(), "d1"); err != nil {
			t.Error(err)
		}
	})
	return e, dir
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := freePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", itoa(port))
}

// abandon runs a worker that starts a program, and kills it once done reports true.
func abandon(t *testing.T, dir string, done func() bool, args ...string) {
	t.Helper()
	worker := exec.Command(os.Args[0], append([]string{playFlag, "worker", dir}, args...)...)
	out, err := worker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer worker.Wait()
	defer worker.Process.Kill()
	if done != nil {
		await(t, "start of "+args[0], done)
		return
	}
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil || said != "started <nil>\n" {
		t.Fatalf("the worker said %q: %v", said, err)
	}
}

func requireStopped(t *testing.T, e *Environment, pids ...int) {
	t.Helper()
	if err := e.StopGroup(t.Context(), "d1"); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if _, alive := parentOf(pid); alive || pid == 0 {
			t.Errorf("process %d is alive", pid)
		}
	}
	supervisors, others, err := programProcesses(filepath.Join(e.programsDir(), "d1"))
	if err != nil || len(supervisors)+len(others) != 0 {
		t.Errorf("left are the processes %v and %v: %v", supervisors, others, err)
	}
	for _, path := range []string{filepath.Join(e.programsDir(), "d1"), e.groupLock("d1")} {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	if list, err := e.Programs("d1"); err != nil || len(list) != 0 {
		t.Errorf("listed are %v: %v", list, err)
	}
}

func TestProgramsOutliveTheWorker(t *testing.T) {
	t.Parallel()
	e, dir := programsOf(t)
	address := freeAddress(t)
	abandon(t, dir, nil, "listener", address)
	p := playing("app", "listener", address)
	p.Ready = address
	first, err := e.StartProgram(t.Context(), "d1", p)
	if err != nil || first.State != ProgramRunning || !slices.Equal(first.Processes, []int{first.PID}) {
		t.Fatalf("found %+v: %v", first, err)
	}
	if first.Log != "listening at "+address+"\n" || len(first.LogDigest) != 64 {
		t.Errorf("its log is %q with digest %q", first.Log, first.LogDigest)
	}
	again, err := e.StartProgram(t.Context(), "d1", p)
	if err != nil || again.PID != first.PID {
		t.Errorf("started again, %+v became %+v: %v", first, again, err)
	}
	p.Env["MORE"] = "settings"
	if _, err := e.StartProgram(t.Context(), "d1", p); !fault.Is(err, fault.Conflict) {
		t.Errorf("other settings for a program that runs: %v", err)
	}
	if list, err := e.Programs("d1"); err != nil || len(list) != 1 || list[0].Name != "app" || list[0].PID != first.PID {
		t.Errorf("listed are %v: %v", list, err)
	}
	requireStopped(t, e, first.PID)
	requireStopped(t, e)
}

func TestWhatAProgramKnows(t *testing.T) {
	t.Parallel()
	e, _ := programsOf(t)
	address := freeAddress(t)
	p := playing("app", "listener", address)
	p.Ready, p.Env["TOKEN"], p.Env["HOME"] = address, "a token", "/nowhere"
	s, err := e.StartProgram(t.Context(), "d1", p)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("/proc", itoa(s.PID), "environ"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for variable := range strings.SplitSeq(strings.TrimRight(string(text), "\x00"), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		names = append(names, name)
		if name == "HOME" && value != "/nowhere" || name == "TOKEN" && value != "a token" {
			t.Errorf("it has %s", variable)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains([]string{"HOME", "LANG", ProgramVariable, "PATH", "TOKEN"}, name) {
			t.Errorf("it has the variable %s", name)
		}
	}
	if len(slices.Compact(names)) != len(names) || !slices.Contains(names, "TOKEN") {
		t.Errorf("its variables are %v", names)
	}
	if at, err := os.Readlink(filepath.Join("/proc", itoa(s.PID), "cwd")); err != nil || at != filepath.Join(e.programsDir(), "d1", "app", "work") {
		t.Errorf("it works in %s: %v", at, err)
	}
	// Nothing that it was given is on disk.
	err = filepath.WalkDir(e.programsDir(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), "a token") {
			t.Errorf("%s holds a secret: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAMigrationIsNotRunTwice(t *testing.T) {
	t.Parallel()
	e, dir := programsOf(t)
	runs, gate := filepath.Join(dir, "runs"), filepath.Join(dir, "gate")
	p := playing("app", "migration", runs, gate)
	p.Once = true
	ran := func() bool { return count(t, runs) > 0 }
	// The worker goes away in the middle, and so does the next one.
	abandon(t, dir, ran, "migration", runs, gate)
	abandon(t, dir, func() bool { return true }, "migration", runs, gate)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := e.StartProgram(ctx, "d1", p); err == nil || s.State == ProgramExited {
		t.Errorf("while it runs it is %+v: %v", s, err)
	}
	open(t, gate)
	for _, turn := range []string{"first", "second"} {
		s, err := e.StartProgram(t.Context(), "d1", p)
		if err != nil || s.State != ProgramExited || s.Code != 0 || s.Log != "migrated\n" || s.EndedAt.Before(s.StartedAt) {
			t.Errorf("the %s time it is %+v: %v", turn, s, err)
		}
	}
	if n := count(t, runs); n != 1 {
		t.Errorf("it ran %d times", n)
	}
}

func TestAMigrationWhoseEndNobodySaw(t *testing.T) {
	t.Parallel()
	e, dir := programsOf(t)
	runs, gate := filepath.Join(dir, "runs"), filepath.Join(dir, "gate")
	p := playing("app", "migration", runs, gate)
	p.Once = true
	abandon(t, dir, func() bool { return count(t, runs) > 0 }, "migration", runs, gate)
	list, err := e.Programs("d1")
	if err != nil || len(list) != 1 || len(list[0].Processes) != 1 {
		t.Fatalf("listed are %+v: %v", list, err)
	}
	pid := list[0].Processes[0]
	supervisors, _, err := programProcesses(e.programsDir())
	if err != nil || len(supervisors) != 1 {
		t.Fatalf("supervisors are %v: %v", supervisors, err)
	}
	if err := syscall.Kill(supervisors[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "end of the program", func() bool { _, alive := parentOf(pid); return !alive })
	open(t, gate)
	s, err := e.StartProgram(t.Context(), "d1", p)
	if !fault.Is(err, fault.Lost) || s.State != ProgramLost || count(t, runs) != 1 {
		t.Errorf("it ran %d times, and is %+v: %v", count(t, runs), s, err)
	}
	requireStopped(t, e, pid)
	// In a new group of the name it runs.
	if _, err := e.StartProgram(t.Context(), "d1", p); err != nil || count(t, runs) != 2 {
		t.Errorf("it ran %d times: %v", count(t, runs), err)
	}
	i, err := e.program("d1", "app")
	if err != nil {
		t.Fatal(err)
	}
	rec, err := i.load()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{programBegun, programRunning} {
		rec.State, rec.Boot = state, "an earlier one"
		if err := i.save(rec); err != nil {
			t.Fatal(err)
		}
		if _, err := e.StartProgram(t.Context(), "d1", p); !fault.Is(err, fault.Lost) || count(t, runs) != 2 {
			t.Errorf("after the host went down: it ran %d times: %v", count(t, runs), err)
		}
	}
}

// A worker that was killed before the supervisor got to work has run nothing.
func TestAMigrationThatWasNotReached(t *testing.T) {
	t.Parallel()
	e, dir := programsOf(t)
	runs, gate := filepath.Join(dir, "runs"), filepath.Join(dir, "gate")
	open(t, gate)
	p := playing("app", "migration", runs, gate)
	p.Once = true
	i, err := e.program("d1", "app")
	if err != nil {
		t.Fatal(err)
	}
	if err := i.makeFolders(); err != nil {
		t.Fatal(err)
	}
	if err := i.save(programRecord{State: programStarting, Token: "old", Spec: specDigest(p), Once: true}); err != nil {
		t.Fatal(err)
	}
	if s, err := e.StartProgram(t.Context(), "d1", p); err != nil || s.State != ProgramExited || count(t, runs) != 1 {
		t.Errorf("it ran %d times, and is %+v: %v", count(t, runs), s, err)
	}
	// The supervisor of that worker comes late.
	late := exec.Command(os.Args[0], superviseFlag, i.dir)
	late.Stdin = strings.NewReader(fmt.Sprintf(`{"token":"old","command":[%q,%q,"migration",%q,%q]}`, os.Args[0], playFlag, runs, gate))
	if out, err := late.CombinedOutput(); err == nil || !strings.Contains(string(out), errNotAsked.Error()) || count(t, runs) != 1 {
		t.Errorf("it ran %d times: %v\n%s", count(t, runs), err, out)
	}
}

func TestADaemonIsStopped(t *testing.T) {
	t.Parallel()
	e, _ := programsOf(t)
	address := freeAddress(t)
	p := playing("app", "daemon", "2", address)
	p.Ready = address
	s, err := e.StartProgram(t.Context(), "d1", p)
	if err != nil {
		t.Fatalf("it is %+v: %v", s, err)
	}
	// It accepts connections before those that led to it have ended.
	await(t, "end of its parents", func() bool {
		s, err = e.StartProgram(t.Context(), "d1", p)
		return err != nil || s.State == ProgramExited && len(s.Processes) == 1
	})
	if err != nil || s.Code != 0 {
		t.Fatalf("it is %+v: %v", s, err)
	}
	daemon := s.Processes[0]
	if session, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(daemon), 0, 0); errno != 0 || int(session) != daemon {
		t.Errorf("its session is %d, not %d", session, daemon)
	}
	if environ, err := os.ReadFile(filepath.Join("/proc", itoa(daemon), "environ")); err != nil || len(environ) != 0 {
		t.Errorf("it knows %q: %v", environ, err)
	}
	requireStopped(t, e, daemon)
	if accepts(t.Context(), address) {
		t.Error("it listens still")
	}
}

func TestAStubbornProgramIsKilled(t *testing.T) {
	t.Parallel()
	e, _ := programsOf(t)
	address := freeAddress(t)
	p := playing("app", "stubborn", address)
	p.Ready = address
	s, err := e.StartProgram(t.Context(), "d1", p)
	if err != nil {
		t.Fatal(err)
	}
	requireStopped(t, e, s.PID)
}

func TestTheLogIsCleanAndBounded(t *testing.T) {
	t.Parallel()
	e, _ := programsOf(t)
	server := start(t, e, "r", Spec{Kind: "redis"})
	p := playing("say", "say", "0", "token", "very-secret", "and", "p@ss", "and", "p%40ss", "and", password(t, server))
	p.Once = true
	p.Env["TOKEN"], p.Env["DATABASE_URL"] = "very-secret", "postgres://app:p%40ss@127.0.0.1:1/app"
	s, err := e.StartProgram(t.Context(), "d1", p)
	if want := strings.ReplaceAll("token X and X and X and X\n", "X", secret.Redacted); err != nil || s.Log != want {
		t.Errorf("the log is %q: %v", s.Log, err)
	}
	flood := playing("flood", "flood")
	flood.Once = true
	s, err = e.StartProgram(t.Context(), "d1", flood)
	if err != nil || !strings.HasSuffix(s.Log, "x\nthe end\n") || len(s.Log) != stateTail {
		t.Errorf("the log's end has %d bytes: %v", len(s.Log), err)
	}
	i, err := e.program("d1", "flood")
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := i.log(); err != nil || len(kept) <= programLogLimit || len(kept) > 2*programLogLimit {
		t.Errorf("%d bytes are kept: %v", len(kept), err)
	}
}

func TestWhereAProgramIsLookedFor(t *testing.T) {
	t.Parallel()
	e, dir := programsOf(t)
	for _, folder := range []string{"here", "path"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, folder, "tool"), []byte("#!/bin/sh\necho "+folder+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for command, want := range map[string]string{"./tool": "here\n", "tool": "path\n"} {
		p := drill.Program{Name: "n" + itoa(len(command)), Command: []string{command}, Once: true, Dir: filepath.Join(dir, "here")}
		p.Env = map[string]secret.String{"PATH": secret.String(filepath.Join(dir, "path") + ":/bin:/usr/bin")}
		if s, err := e.StartProgram(t.Context(), "d1", p); err != nil || s.Log != want {
			t.Errorf("%s printed %q: %v", command, s.Log, err)
		}
	}
}

func TestProgramsThatFail(t *testing.T) {
	t.Parallel()
	e, dir := programsOf(t)
	gate := filepath.Join(dir, "never")
	with := func(p drill.Program, change func(*drill.Program)) drill.Program {
		p.Timeout = drill.Duration(time.Millisecond)
		change(&p)
		return p
	}
	once := func(p *drill.Program) { p.Once, p.Timeout = true, drill.Duration(time.Minute) }
	ready := func(p *drill.Program) { p.Ready = "127.0.0.1:1" }
	for name, c := range map[string]struct {
		p    drill.Program
		kind fault.Kind
		says string
	}{
		"status":    {with(playing("status", "say", "3", "no", "table"), once), fault.Mismatch, "ended with status 3: no table"},
		"slow":      {with(playing("slow", "migration", filepath.Join(dir, "runs"), gate), func(p *drill.Program) { p.Once = true }), fault.Mismatch, "did not end within 1ms"},
		"deaf":      {with(playing("deaf", "listener", freeAddress(t)), ready), fault.Mismatch, "did not accept connections at 127.0.0.1:1"},
		"brief":     {with(playing("brief", "say", "0", "bye"), func(p *drill.Program) { ready(p); p.Timeout = drill.Duration(time.Minute) }), fault.Mismatch, "was to go on: bye"},
		"absent":    {with(playing("absent"), func(p *drill.Program) { p.Command = []string{"no-such-program"} }), fault.Invalid, "no-such-program"},
		"folder":    {with(playing("folder", "say", "0"), func(p *drill.Program) { p.Dir = "/no/such/folder" }), fault.Invalid, "/no/such/folder"},
		"relative":  {with(playing("relative"), func(p *drill.Program) { p.Dir = "here" }), fault.Invalid, "absolute"},
		"empty":     {drill.Program{Name: "empty"}, fault.Invalid, "name the program"},
		"address":   {with(playing("address"), func(p *drill.Program) { p.Ready = "8080" }), fault.Invalid, "host:port"},
		"variables": {with(playing("variables"), func(p *drill.Program) { p.Env["A=B"] = "c" }), fault.Invalid, "A=B"},
		"nul":       {with(playing("nul", "a\x00b"), func(*drill.Program) {}), fault.Invalid, "NUL"},
		"../up":     {playing("../up"), fault.Invalid, "name of a program"},
	} {
		for _, turn := range []string{"once", "twice"} {
			if _, err := e.StartProgram(t.Context(), "d1", c.p); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, tried %s: %v", name, turn, err)
			}
		}
	}
	for _, group := range []string{"", "../up", ".hidden"} {
		if _, err := e.StartProgram(t.Context(), group, playing("app")); !fault.Is(err, fault.Invalid) {
			t.Errorf("in the group %q: %v", group, err)
		}
		if err := e.StopGroup(t.Context(), group); !fault.Is(err, fault.Invalid) {
			t.Errorf("stop the group %q: %v", group, err)
		}
	}
}

func open(t *testing.T, gate string) {
	t.Helper()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// count is how often a migration ran.
func count(t *testing.T, runs string) int {
	t.Helper()
	text, err := os.ReadFile(runs)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "ran\n")
}
