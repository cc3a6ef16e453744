// Package servers starts real servers for tests: on loopback, on free ports, in
// temporary folders, stopped when the test ends and killed when it is killed.
package servers

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	readyWithin = 60 * time.Second
	stopWithin  = 10 * time.Second
	// logTail is how much of a server's output a failed test shows.
	logTail = 8 << 10
)

// Process is one running server.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error
	log    string
}

// Start runs cmd in a process group of its own and waits until ready returns
// nil. The test fails when that takes over a minute or when the server ends
// before. The server is stopped when the test ends; a failed test shows the
// end of its output. Where cmd.SysProcAttr has a Credential, it is kept.
func Start(t testing.TB, cmd *exec.Cmd, ready func() error) *Process {
	t.Helper()
	p, err := launch(cmd, filepath.Join(t.TempDir(), filepath.Base(cmd.Path)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("the last output of %s:\n%s", cmd.Path, p.Output())
		}
	})
	if err := p.await(ready, readyWithin); err != nil {
		t.Fatal(err)
	}
	return p
}

// launch runs cmd as Start does, without waiting for it to be ready, and
// without stopping it. Its output goes to the end of the log.
func launch(cmd *exec.Cmd, log string) (*Process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", cmd.Path, err)
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := startOnLastingThread(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &Process{cmd: cmd, exited: make(chan struct{}), log: log}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// starts carries commands to the one thread that forks. The kernel sends the
// parent-death signal when the forking thread ends, not when the process does,
// and Go ends threads as it likes unless a goroutine is locked to them.
var starts = sync.OnceValue(func() chan<- func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range queue {
			start()
		}
	}()
	return queue
})

func startOnLastingThread(cmd *exec.Cmd) error {
	result := make(chan error)
	starts() <- func() { result <- cmd.Start() }
	return <-result
}

func (p *Process) await(ready func() error, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %v: %w", p.cmd.Path, within, err)
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready: %w\n%s", p.cmd.Path, p.ended(), p.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ended says how the server has ended; it is never nil.
func (p *Process) ended() error {
	if p.err == nil {
		return errors.New("it exited with status 0")
	}
	return p.err
}

// PID is the process ID, which is also the ID of its process group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the server to end, waits, and kills its process group if that
// takes over ten seconds. Stopping a stopped server does nothing.
func (p *Process) Stop() {
	if p.signal(syscall.SIGTERM) {
		select {
		case <-p.exited:
		case <-time.After(stopWithin):
		}
	}
	p.Kill()
}

// Kill ends the server and its children at once, as a crash would.
func (p *Process) Kill() {
	// Children may live on in the group when its leader has ended already.
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.exited
}

func (p *Process) signal(s syscall.Signal) bool {
	select {
	case <-p.exited:
		return false
	default:
		return p.cmd.Process.Signal(s) == nil
	}
}

// Output is the end of what the server has written to its standard output and error.
func (p *Process) Output() string {
	f, err := os.Open(p.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTail {
		if _, err := f.Seek(-logTail, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	out, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

var handedOut sync.Map

// FreePort returns a TCP port of 127.0.0.1 that nobody listens on, never the
// same twice in one test binary. It lies below the range from which Linux takes
// the ports of outgoing connections, so that none of those can come in between.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func freePort() (int, error) {
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		if _, taken := handedOut.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		return port, nil
	}
	return 0, errors.New("found no free port on 127.0.0.1")
}

// Address is 127.0.0.1 with a FreePort.
func Address(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(t)))
}

// Dialable returns a check for Start: that something accepts TCP connections at the address.
func Dialable(address string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
