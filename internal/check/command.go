package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// DrillIDVariable is the variable of a command's environment that holds the
// drill's ID, by which what it left behind can be found.
const DrillIDVariable = "LIFEBOAT_DRILL_ID"

// afterEnd is how long the output of a program may be held open by others after its end.
const afterEnd = 2 * time.Second

// command runs a program in an empty folder of its own, with PATH, HOME, LANG,
// the check's variables and the drill's ID in its environment, no input, and in a process group that
// is killed when the program ends or has no more time.
func (r *Runner) command(ctx context.Context, c drill.Check) observation {
	o := observation{subject: strings.Join(c.Command, " "), expected: fmt.Sprintf("exit code %d", c.ExitCode)}
	if c.Expect != "" {
		o.expected += "; " + expects("output", c.Expect)
	}
	dir, err := os.MkdirTemp(r.Dir, "check-")
	if err != nil {
		o.err = fault.Wrap(fault.Internal, err, "make a working folder")
		return o
	}
	// What can't be removed is in a folder for temporary files.
	defer func() { _ = os.RemoveAll(dir) }()
	p := program{cmd: exec.CommandContext(ctx, c.Command[0], c.Command[1:]...)}
	p.cmd.Dir, p.cmd.Env = dir, r.environment(c)
	p.err = p.run()
	p.describe(&o)
	o.err = p.judge(ctx, c)
	return o
}

// program is one that a check runs.
type program struct {
	cmd          *exec.Cmd
	output, said head
	err          error
}

// run runs the program to its end. It ends with its context, and with this process.
func (p *program) run() error {
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.said
	p.cmd.WaitDelay = afterEnd
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	kill := func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.Cancel = kill
	// The parent-death signal comes when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	err := p.cmd.Wait()
	// Children may live on in the group; mostly there are none to kill.
	_ = kill()
	return err
}

// environment are the variables of a check's program, those of the check before the worker's.
func (r *Runner) environment(c drill.Check) []string {
	values := map[string]string{}
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, set := os.LookupEnv(name); set {
			values[name] = value
		}
	}
	for name, value := range c.Env {
		values[name] = value.Reveal()
	}
	values[DrillIDVariable] = r.DrillID
	env := make([]string, 0, len(values))
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// describe says how the program ended and what it wrote: to its standard
// output, or where that is empty to its standard error.
func (p *program) describe(o *observation) {
	output, said := strings.TrimSpace(p.output.String()), strings.TrimSpace(p.said.String())
	o.observed = "did not start"
	if state := p.cmd.ProcessState; state != nil {
		o.observed = "exit code " + strconv.Itoa(state.ExitCode())
		if !state.Exited() {
			o.observed = "ended by " + state.String()
		}
	}
	o.log = o.observed
	if output != "" {
		o.log += ": " + output
	}
	if said != "" {
		o.log += "; standard error: " + said
	}
	o.observed = o.log
}

func (p *program) judge(ctx context.Context, c drill.Check) error {
	state := p.cmd.ProcessState
	switch {
	case state == nil:
		return fault.Wrap(fault.Invalid, p.err, "start the program")
	case ctx.Err() != nil && !state.Exited():
		return fault.New(fault.Unavailable, "the program was killed")
	case state.ExitCode() != c.ExitCode:
		return unlike("the program ended with %s, expected exit code %d: %s", state, c.ExitCode, p.lastWords())
	case errors.Is(p.err, exec.ErrWaitDelay):
		return unlike("the program ended and left processes behind that held its output, which were killed")
	case c.Expect != "" && p.output.more:
		return tooLong("the output")
	default:
		return judge("the output", p.output.String(), c.Expect)
	}
}

// lastWords is the last line of the standard error, where the cause mostly stands.
func (p *program) lastWords() string {
	said := strings.TrimSpace(p.said.String())
	if said == "" {
		return "it said nothing"
	}
	return strings.TrimSpace(said[strings.LastIndexByte(said, '\n')+1:])
}

// head keeps the beginning of what is written to it, MaxRead bytes, and whether there was more.
type head struct {
	kept bytes.Buffer
	more bool
}

func (h *head) Write(p []byte) (int, error) {
	room := MaxRead - h.kept.Len()
	h.more = h.more || len(p) > room
	h.kept.Write(p[:min(len(p), room)])
	return len(p), nil
}

func (h *head) String() string { return h.kept.String() }
