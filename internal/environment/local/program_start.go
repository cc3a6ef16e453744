package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// ProgramVariable is set for every process of a program, to the program's
// folder: it is how those are found whose parents are gone.
const ProgramVariable = "LIFEBOAT_PROGRAM"

// superviseFlag makes this very program, run again, the supervisor of another
// one. Whoever does not know it refuses an unknown flag.
const superviseFlag = "--supervise-program"

// order is what a supervisor is told on its standard input: it has secrets,
// which neither a file nor a command line should.
type order struct {
	Token   string   `json:"token"`
	Command []string `json:"command"`
	Env     []string `json:"env"`
	Dir     string   `json:"dir"`
	Secrets []string `json:"secrets"`
}

// start has a program started by a supervisor of its own, and returns when that
// has tried. It is called under the group's lock.
func (i *program) start(ctx context.Context, p drill.Program, rec programRecord, secrets []string) error {
	if err := i.makeFolders(); err != nil {
		return fault.Disk(err, "make its folder")
	}
	rec.State, rec.Token, rec.StartedAt = programStarting, seal.RandomID(20), time.Now().UTC()
	if err := i.save(rec); err != nil {
		return err
	}
	dir := p.Dir
	if dir == "" {
		dir = i.work()
	}
	text, err := json.Marshal(order{rec.Token, p.Command, i.environ(p), dir, secrets})
	if err != nil {
		return fmt.Errorf("encode its settings: %w", err)
	}
	exited, err := i.supervise(ctx, text)
	if err != nil {
		return err
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		// First the process, then the record: what it wrote last is not missed.
		ended := false
		select {
		case <-exited:
			ended = true
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := i.load()
		switch {
		case err != nil:
			return err
		case now.State != programStarting && now.State != programBegun:
			return nil
		case ended:
			said, _ := os.ReadFile(i.supervisorLog())
			return fault.New(fault.Internal, "its supervisor ended: %s", lastLines(string(said), 1))
		}
	}
}

// makeFolders makes what is missing of the program's folder. Others may pass
// through to the programs of a group, and look into none.
func (i *program) makeFolders() error {
	if err := makePassable(filepath.Dir(i.dir)); err != nil {
		return err
	}
	for _, dir := range []string{i.dir, i.work()} {
		if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

func (i *program) supervisorLog() string { return filepath.Join(i.dir, "supervisor.log") }

// supervise starts the supervisor; the channel is closed when it has ended. It
// goes on when this process ends.
func (i *program) supervise(ctx context.Context, text []byte) (<-chan struct{}, error) {
	log, err := os.OpenFile(i.supervisorLog(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fault.Disk(err, "open the supervisor's log")
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "/proc/self/exe", superviseFlag, i.dir)
	cmd.Args[0] = "lifeboat"
	cmd.Dir, cmd.Env = "/", inherited()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	exited, err := startAndReap(cmd)
	return exited, fault.Wrap(fault.Internal, err, "start its supervisor")
}

// inherited are the worker's variables that programs get.
func inherited() []string {
	var out []string
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, set := os.LookupEnv(name); set {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// environ are all variables of the program.
func (i *program) environ(p drill.Program) []string {
	env := inherited()
	for name, value := range p.Env {
		env = slices.DeleteFunc(env, func(one string) bool { return len(one) > len(name) && one[:len(name)+1] == name+"=" })
		env = append(env, name+"="+value.Reveal())
	}
	return append(env, ProgramVariable+"="+i.dir)
}

var errNotAsked = errors.New("the program is not to be started by this supervisor")
