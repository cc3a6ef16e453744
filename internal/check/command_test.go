package check_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// shell is a check that runs a script of the shell.
func shell(script string, arguments ...string) drill.Check {
	return drill.Check{Kind: drill.CheckCommand, Command: append([]string{"sh", "-c", script, "script"}, arguments...)}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	r := &check.Runner{DrillID: "D-1", Dir: t.TempDir(), Servers: map[string]drill.Server{
		"main": {Kind: "postgres", URL: "postgres://joe:hunter22@127.0.0.1:6001/shop"},
	}}
	for _, c := range []struct {
		check drill.Check
		want  want
	}{
		{drill.Check{Command: []string{"true"}}, want{drill.Pass, "true", "exit code 0", "exit code 0", ""}},
		{drill.Check{Command: []string{"/bin/echo", "it is", "{{main.database}} of {{drill.id}}"}, Expect: "it is shop of D-1"},
			want{drill.Pass, "/bin/echo it is shop of D-1", "exit code 0; output = it is shop of D-1", "exit code 0: it is shop of D-1", ""}},
		{shell("echo 42; echo noise >&2"), pass("exit code 0: 42; standard error: noise")},
		{drill.Check{Command: shell("echo 42; exit 3").Command, Expect: "> 41", ExitCode: 3}, pass("exit code 3: 42")},
		{drill.Check{Command: shell("cat").Command, Expect: "="}, pass("exit code 0")},
		{drill.Check{Command: shell("yes | head -c 1048576; head -c 9000000 /dev/zero >&2").Command, Expect: "~ ^(y\n)*$"}, pass("exit code 0: y ")},

		{shell("echo half; echo first >&2; echo last words >&2; exit 3"),
			want{drill.Fail, "", "", "exit code 3: half; standard error: first last words", "the program ended with exit status 3, expected exit code 0: last words"}},
		{drill.Check{Command: []string{"true"}, ExitCode: 1}, fail("the program ended with exit status 0, expected exit code 1: it said nothing")},
		{drill.Check{Command: shell("echo 41").Command, Expect: "> 41"}, fail("expected the output > 41, observed 41")},
		{shell("kill -TERM $$"), want{drill.Fail, "", "", "ended by signal: terminated", "the program ended with signal: terminated, expected exit code 0"}},
		{drill.Check{Command: []string{"no-such-program"}}, want{drill.Fail, "", "", "did not start", `start the program: exec: "no-such-program": executable file not found in $PATH`}},
		{drill.Check{Command: []string{"/no/such/program"}}, want{drill.Fail, "", "", "did not start", "no such file or directory"}},
		{drill.Check{Command: shell("yes | head -c 1048577").Command, Expect: "*= y"}, fail("the output is longer than 1048576 bytes")},
		{drill.Check{Command: []string{"echo", "{{main.password}}", "{{main.url}}"}, Expect: "x"},
			want{drill.Fail, "echo **redacted** **redacted**", "", "exit code 0: **redacted** **redacted**", "observed **redacted**"}},
		{shell(`printf "$1:$2" | base64`, "{{main.user}}", "{{main.password}}"), pass("exit code 0: **redacted**")},
		{drill.Check{
			Command: shell("echo $DB $KEY $HOME $" + check.DrillIDVariable).Command, Expect: "postgres://joe:hunter22@127.0.0.1:6001/shop of-key1 /h D-1",
			Env: map[string]secret.String{"DB": "{{main.url}}", "KEY": "of-key1", "HOME": "/h", check.DrillIDVariable: "another"},
		}, pass("exit code 0: **redacted** **redacted** /h D-1")},
		{shell("echo $1 >&2; exit 1", "{{main.password}}"), fail("expected exit code 0: **redacted**")},
	} {
		c.check.Kind = drill.CheckCommand
		holdsNone(t, try(t, r, c.check, c.want), "hunter22")
	}
	if left, err := os.ReadDir(r.Dir); err != nil || len(left) > 0 {
		t.Errorf("working folders are left: %v, %v", left, err)
	}
}

func TestCommandEnvironment(t *testing.T) {
	t.Setenv("LIFEBOAT_TEST_SECRET", "hunter22")
	t.Setenv("LANG", "C.UTF-8")
	dir := t.TempDir()
	r := &check.Runner{DrillID: "D-1", Dir: dir, Secrets: []secret.String{"C.UTF-8"}}
	c := shell(`env | cut -d= -f1 | sort | tr '\n' ' '; pwd -P; ls -A; : > file; [ "$LIFEBOAT_DRILL_ID" = D-1 ] && echo $LANG`)
	// The shell sets PWD itself, and others may set OLDPWD, SHLVL and _.
	c.Expect = "~ ^(_ )?HOME LANG LIFEBOAT_DRILL_ID (OLDPWD )?PATH PWD (SHLVL )?(_ )?" + dir + "/check-[0-9]+\nC.UTF-8\n$"
	try(t, r, c, want{drill.Pass, "", "", "**redacted**", ""})
}

func TestCommandIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	r := &check.Runner{}
	// It ignores what can be ignored, and has a child that does so, too.
	c := shell(`trap "" TERM INT HUP; echo told; (echo $$ >> "$1"; exec sleep 600) & echo $! >> "$1"; wait`, pids)
	c.Timeout = drill.Duration(2 * time.Second)
	try(t, r, c, want{drill.Fail, "", "", "ended by signal: killed: told", "no answer within 2s: the program was killed"})
	gone(t, pids, 2)
}

// TestCommandLeavesNothing has programs that end and leave others behind, with and without their output.
func TestCommandLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := &check.Runner{}
	quiet, loud := filepath.Join(dir, "quiet"), filepath.Join(dir, "loud")
	try(t, r, shell(`sleep 600 >/dev/null 2>&1 & echo $! >> "$1"; echo ok`, quiet), pass("exit code 0: ok"))
	try(t, r, shell(`sleep 600 & echo $! >> "$1"; echo ok`, loud), want{drill.Fail, "", "", "exit code 0: ok", "left processes behind"})
	gone(t, quiet, 1)
	gone(t, loud, 1)
}

// gone waits until the processes whose IDs stand in a file are no more.
func gone(t *testing.T, file string, count int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(text))
	if len(pids) != count {
		t.Fatalf("%d processes are noted, not %d", len(pids), count)
	}
	running := func(text string) bool {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		state, err := os.ReadFile("/proc/" + text + "/stat")
		// One that nobody has waited for yet is dead all the same.
		return syscall.Kill(pid, 0) == nil && err == nil && !strings.Contains(string(state), ") Z ")
	}
	for deadline := time.Now().Add(time.Minute); slices.ContainsFunc(pids, running); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("of %v some run still", pids)
		}
	}
}

// workerDir is the variable by which the test binary runs as a worker that is killed.
const workerDir = "CHECK_TEST_WORKER"

// TestCommandEndsWithItsWorker kills, as a crash would, the process that runs a check.
func TestCommandEndsWithItsWorker(t *testing.T) {
	if dir := os.Getenv(workerDir); dir != "" {
		c := shell(`echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 600`, filepath.Join(dir, "pid"))
		c.Timeout = drill.Duration(10 * time.Minute)
		(&check.Runner{Dir: dir}).Try(t.Context(), c)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCommandEndsWithItsWorker$")
	cmd.Env = append(os.Environ(), workerDir+"="+dir)
	pid := filepath.Join(dir, "pid")
	worker := servers.Start(t, cmd, func() error {
		_, err := os.Stat(pid)
		return err
	})
	worker.Kill()
	gone(t, pid, 1)
}
