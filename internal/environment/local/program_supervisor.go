package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Supervise is to be called by main before anything else, with os.Args. When
// the arguments ask for it, this process is the supervisor of a program that
// StartProgram starts, and asked is true: main ends with the code then.
func Supervise(args []string) (code int, asked bool) {
	if len(args) != 3 || args[1] != superviseFlag {
		return 0, false
	}
	if err := superviseProgram(args[2], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, fault.Line(err))
		return 1, true
	}
	return 0, true
}

// drainWithin is how long what a program printed last may take to be logged.
const drainWithin = 5 * time.Second

// supervisor starts one program, keeps its log, writes down how it ends, and is
// the parent of whatever the program leaves behind.
type supervisor struct {
	i   *program
	rec programRecord
	// drained is closed when the log has all that was printed.
	drained chan struct{}
	output  *os.File
}

func superviseProgram(dir string, in io.Reader) error {
	// The kernel kills the program when the thread that started it ends.
	runtime.LockOSThread()
	// Caught, and dropped: unlike ignored ones, the program does not inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read what to start: %w", err)
	}
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER, prctl(2)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		return fmt.Errorf("become the parent of orphans: %w", errno)
	}
	s := &supervisor{i: &program{group: filepath.Base(filepath.Dir(dir)), name: filepath.Base(dir), dir: dir}}
	lock, err := s.take(o.Token)
	if err != nil {
		return err
	}
	defer lock.Close()
	pid, err := s.launch(o)
	if err != nil {
		s.rec.State, s.rec.Problem, s.rec.EndedAt = programExited, err.Error(), time.Now().UTC()
		return s.i.save(s.rec)
	}
	s.rec.State, s.rec.PID = programRunning, pid
	if err := s.i.save(s.rec); err != nil {
		// Nobody would know of it.
		return errors.Join(err, syscall.Kill(pid, syscall.SIGKILL))
	}
	return s.watch(pid)
}

// take makes this process the one that starts the program, if it is still to be
// started by the call that this process comes of.
func (s *supervisor) take(token string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(s.i.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		s.rec, err = s.i.load()
	}
	if err == nil && (s.rec.Token != token || s.rec.State != programStarting) {
		err = errNotAsked
	}
	if err == nil {
		s.rec.State, s.rec.StartedAt = programBegun, time.Now().UTC()
		err = s.i.save(s.rec)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// launch starts the program. An error means that it did not run.
func (s *supervisor) launch(o order) (int, error) {
	for _, variable := range o.Env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			if err := os.Setenv("PATH", path); err != nil {
				return 0, err
			}
		}
	}
	named := o.Command[0]
	if strings.Contains(named, "/") && !filepath.IsAbs(named) {
		named = filepath.Join(o.Dir, named)
	}
	path, err := exec.LookPath(named)
	if err != nil {
		return 0, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer write.Close()
	s.output = read
	if err := s.keepLog(o.Secrets); err != nil {
		return 0, err
	}
	pid, _, err := syscall.StartProcess(path, o.Command, &syscall.ProcAttr{
		Dir: o.Dir, Env: o.Env, Files: []uintptr{null.Fd(), write.Fd(), write.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return 0, fmt.Errorf("start %s in %s: %w", path, o.Dir, err)
	}
	return pid, nil
}

// keepLog copies what the program prints until nobody can print any more. A log
// that can't be written holds the program up no more than a full one does.
func (s *supervisor) keepLog(secrets []string) error {
	log, err := openLog(s.i.logPath(), s.i.olderLogPath(), programLogLimit)
	if err != nil {
		return err
	}
	clean := newScrubber(log, secrets)
	s.drained = make(chan struct{})
	go func() {
		defer close(s.drained)
		buf := make([]byte, 64<<10)
		for {
			n, err := s.output.Read(buf)
			_, _ = clean.Write(buf[:n])
			if err != nil {
				_ = clean.Flush()
				return
			}
		}
	}()
	return nil
}

// watch writes down how the program ended, and stays until all that it left has ended, too.
func (s *supervisor) watch(program int) error {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD):
			s.drain()
			return nil
		case err != nil:
			return err
		case pid == program:
			if err := s.ended(status); err != nil {
				return err
			}
		}
	}
}

func (s *supervisor) ended(status syscall.WaitStatus) error {
	left, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	for err == nil && left > 0 {
		left, err = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
	}
	if errors.Is(err, syscall.ECHILD) {
		// Who sees that it has ended is to see all that it printed.
		s.drain()
	}
	s.rec.State, s.rec.PID, s.rec.Code, s.rec.EndedAt = programExited, 0, status.ExitStatus(), time.Now().UTC()
	if status.Signaled() {
		s.rec.Code = 128 + int(status.Signal())
	}
	return s.i.save(s.rec)
}

func (s *supervisor) drain() {
	select {
	case <-s.drained:
	case <-time.After(drainWithin):
	}
}
