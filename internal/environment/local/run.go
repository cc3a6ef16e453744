package local

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// process is a server program that was started.
type process struct {
	pid int
	// exited is closed when it has ended.
	exited <-chan struct{}
	// before is where in the log it began to write.
	before int64
}

// spawn starts the server program, detached from this process.
func (i *instance) spawn(ctx context.Context, o owner) (process, error) {
	log, err := os.OpenFile(i.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return process{}, fault.Disk(err, "open the log of environment %s", i.id)
	}
	defer log.Close()
	before, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return process{}, fault.Disk(err, "open the log of environment %s", i.id)
	}
	// The server runs on when the caller's work has ended.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), i.rec.Program, i.kind.args(i)...)
	cmd.Dir, cmd.Env = i.data(), cleanEnv(i.data())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: o.credential()}
	if i.rec.Bound {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	exited, err := startAndReap(cmd)
	if err != nil {
		return process{}, fault.Wrap(fault.Unsupported, err, "start %s", i.rec.Program)
	}
	return process{pid: cmd.Process.Pid, exited: exited, before: before}, nil
}

// run starts the server program and waits until it answers.
func (i *instance) run(ctx context.Context, o owner) (pid int, err error) {
	p, err := i.spawn(ctx, o)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	switch err := i.awaitAnswer(ctx, p.exited); {
	case errors.Is(err, errExited):
		return 0, outputFault(i.rec.Program, readFrom(i.logPath(), p.before))
	case err != nil:
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		return 0, fault.Wrap(fault.Unavailable, err, "%s does not answer", i.rec.Program)
	}
	return p.pid, nil
}

var errExited = errors.New("the server has ended")

func (i *instance) awaitAnswer(ctx context.Context, exited <-chan struct{}) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, pingWithin)
		err := i.kind.ping(attempt, i)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return errExited
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// startAndReap starts a command; the channel is closed when it has ended. One
// locked thread does both, for the kernel sends the parent-death signal when
// the thread that forked ends, not when the process does.
func startAndReap(cmd *exec.Cmd) (exited <-chan struct{}, err error) {
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			// How it ended is in its log.
			_ = cmd.Wait()
		}
	}()
	return ended, <-started
}

// runTool runs a program to its end as the server's user. It dies with this process.
func (i *instance) runTool(ctx context.Context, o owner, program string, args ...string) error {
	_, err := i.toolOutput(ctx, o, "", program, args...)
	return err
}

// toolOutput runs a program like runTool and returns what it printed.
func (i *instance) toolOutput(ctx context.Context, o owner, input, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = i.data(), cleanEnv(i.data())
	cmd.Stdin = strings.NewReader(input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: o.credential(), Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if _, ran := errors.AsType[*exec.ExitError](err); ran {
		return "", outputFault(program, string(out))
	}
	return string(out), fault.Wrap(fault.Unsupported, err, "run %s", program)
}

// logTail is how much of a log is looked at.
const logTail = 64 << 10

// readFrom returns at most logTail bytes of a file from an offset on.
func readFrom(path string, offset int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.NewSectionReader(f, offset, logTail))
	return string(text)
}

// freePort returns a port of 127.0.0.1 that nobody listens on. It lies below
// the range that Linux gives to outgoing connections, which could otherwise
// take it while the server restarts.
func freePort(ctx context.Context) (int, error) {
	for range 1000 {
		if port := 20000 + rand.IntN(12000); portIsFree(ctx, port) {
			return port, nil
		}
	}
	return 0, fault.New(fault.Exhausted, "no port of 127.0.0.1 between 20000 and 32000 is free")
}

func portIsFree(ctx context.Context, port int) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
