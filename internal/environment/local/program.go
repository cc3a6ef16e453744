package local

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The states of a program.
const (
	ProgramRunning = "running"
	ProgramExited  = "exited"
	// ProgramLost is of a program whose end nobody saw: the host went down, or
	// what watched it was killed.
	ProgramLost = "lost"
)

// ProgramState is one program of the application, as it was when it was looked at.
type ProgramState struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	// State is ProgramRunning, ProgramExited or ProgramLost.
	State string `json:"state"`
	Once  bool   `json:"once,omitempty"`
	// PID is the program's own process, 0 once that has ended.
	PID int `json:"pid,omitempty"`
	// Code is its exit status, or 128 and the number of the signal that ended it, as shells have it.
	Code int `json:"code"`
	// Processes are all that run of it: one that went into the background has
	// exited, and left some.
	Processes []int     `json:"processes,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Log is the end of what it printed, without secrets, LogDigest the SHA-256
	// in hexadecimal digits of all that is kept of that: the last 5 to 10 MiB.
	Log       string `json:"log,omitempty"`
	LogDigest string `json:"logDigest,omitempty"`
}

const (
	// defaultProgramTimeout is drill.Program's.
	defaultProgramTimeout = 2 * time.Minute
	// programPoll is how often a program is looked at that is expected to start or end.
	programPoll = 100 * time.Millisecond
	// stateTail is how much of a log a state shows.
	stateTail = 8 << 10
)

// StartProgram starts a program of the application in a group, which is the ID
// of a drill, and waits until it is ready, or has ended if it is to run once. A
// program of that name that was started before is waited for and never started
// again: a migration is not run twice. The wait is counted from its start.
//
// The program is looked for in PATH, or in Dir where its path is relative. It
// runs as the worker's user, in Dir or else in an empty folder of its own, with the variables PATH, HOME and LANG of the worker, those of p.Env,
// and ProgramVariable. It outlives the worker. Of what it prints the last 5 to
// 10 MiB are kept, without the secrets: the values in p.Env of 6 bytes and more,
// passwords in URLs, and those of the isolated servers. Where it listens is its
// own affair. Placeholders in p must have been put in.
//
// Errors: Invalid for a program that can't be started, Mismatch for one that
// ended when it should not, with another status than 0, or was not ready in
// time, Lost when nobody saw its end, Conflict when the name was started with
// other settings. The state is as good as is known also with an error.
func (e *Environment) StartProgram(ctx context.Context, group string, p drill.Program) (ProgramState, error) {
	i, err := e.program(group, p.Name)
	if err != nil {
		return ProgramState{}, err
	}
	if err := validateProgram(p); err != nil {
		return ProgramState{}, fault.While(err, "program %s", p.Name)
	}
	if err := e.ensureProgram(ctx, i, p); err != nil {
		return ProgramState{}, fault.While(err, "start program %s", p.Name)
	}
	err = i.await(ctx, p)
	state, errState := i.state()
	return state, fault.While(errors.Join(err, errState), "program %s", p.Name)
}

// Programs lists the programs of a group in order of their start.
func (e *Environment) Programs(group string) ([]ProgramState, error) {
	dir, err := e.groupDir(group)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, fault.Disk(err, "list the programs of %s", group)
	}
	var out []ProgramState
	for _, entry := range entries {
		i, err := e.program(group, entry.Name())
		if err != nil {
			continue
		}
		state, err := i.state()
		if fault.Is(err, fault.Missing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, state)
	}
	slices.SortStableFunc(out, func(a, b ProgramState) int { return a.StartedAt.Compare(b.StartedAt) })
	return out, nil
}

// ensureProgram starts a program unless it was started before.
func (e *Environment) ensureProgram(ctx context.Context, i *program, p drill.Program) error {
	unlock, err := e.lockGroup(ctx, i.group)
	if err != nil {
		return err
	}
	defer unlock()
	digest := specDigest(p)
	switch rec, err := i.load(); {
	case fault.Is(err, fault.Missing):
	case err != nil:
		return err
	case rec.Spec != digest:
		return fault.New(fault.Conflict, "it was started with other settings: stop the programs of %s first", i.group)
	case rec.State != programStarting:
		return nil
	}
	// Whoever began to start it, if anybody, did not get as far as the program.
	boot, err := bootID()
	if err != nil {
		return fault.Disk(err, "read the host's boot id")
	}
	secrets, err := e.secretsOf(p)
	if err != nil {
		return err
	}
	return i.start(ctx, p, programRecord{Spec: digest, Once: p.Once, Boot: boot}, secrets)
}

// await returns nil once a program is as its plan wants it.
func (i *program) await(ctx context.Context, p drill.Program) error {
	within := p.Timeout.Of()
	if within == 0 {
		within = defaultProgramTimeout
	}
	tick := time.NewTicker(programPoll)
	defer tick.Stop()
	for {
		rec, err := i.settled()
		if err != nil {
			return err
		}
		if done, err := i.arrived(ctx, rec, p); done || err != nil {
			return err
		}
		if time.Since(rec.StartedAt) > within {
			what := "accept connections at " + p.Ready
			if p.Once {
				what = "end"
			}
			return fault.New(fault.Mismatch, "it did not %s within %s of its start: %s", what, within, i.lastWords())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// arrived reports whether a program is where it should be, or never will be.
func (i *program) arrived(ctx context.Context, rec programRecord, p drill.Program) (bool, error) {
	ended := rec.State == programExited
	switch {
	case rec.Problem != "":
		return false, fault.New(fault.Invalid, "%s", rec.Problem)
	case rec.State == programLost && p.Once:
		return false, fault.New(fault.Lost, "nobody saw how it ended, and it is not run twice: see what it did, and begin a new drill")
	case rec.State == programLost:
		return false, fault.New(fault.Lost, "what watched it is gone, and it was ended: begin a new drill")
	case ended && rec.Code != 0:
		return false, fault.New(fault.Mismatch, "it ended with status %d: %s", rec.Code, i.lastWords())
	case p.Once:
		return ended, nil
	case ended:
		// It may have gone into the background: its supervisor stays for that.
		supervisors, left, err := programProcesses(i.dir)
		switch {
		case err != nil:
			return false, err
		case len(supervisors)+len(left) == 0:
			return false, fault.New(fault.Mismatch, "it ended with status 0 and was to go on: %s", i.lastWords())
		case len(left) == 0:
			return false, nil
		}
	}
	return p.Ready == "" || accepts(ctx, p.Ready), nil
}

// accepts reports whether somebody accepts connections at an address.
func accepts(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// programsDir is the folder of all groups.
func (e *Environment) programsDir() string { return filepath.Join(filepath.Dir(e.root), "programs") }

func (e *Environment) groupDir(group string) (string, error) {
	if !idPattern.MatchString(group) {
		return "", fault.New(fault.Invalid, "%q can't be the id of a group of programs: use at most 80 letters, digits, dots and dashes", group)
	}
	return filepath.Join(e.programsDir(), group), nil
}

// lockGroup lets one call at a time start or stop programs of a group.
func (e *Environment) lockGroup(ctx context.Context, group string) (func(), error) {
	if err := makePassable(filepath.Join(e.programsDir(), locksName)); err != nil {
		return nil, fault.Disk(err, "make the folder of programs")
	}
	unlock, err := flock(ctx, e.groupLock(group))
	return unlock, fault.While(err, "lock the programs of %s", group)
}

func (e *Environment) groupLock(group string) string {
	return filepath.Join(e.programsDir(), locksName, group)
}

func (e *Environment) program(group, name string) (*program, error) {
	dir, err := e.groupDir(group)
	if err != nil {
		return nil, err
	}
	if !idPattern.MatchString(name) {
		return nil, fault.New(fault.Invalid, "%q can't be the name of a program: use at most 80 letters, digits, dots and dashes", name)
	}
	return &program{group: group, name: name, dir: filepath.Join(dir, name)}, nil
}

// lastWords are the last line of the log.
func (i *program) lastWords() string {
	text, err := i.logEnd(1 << 10)
	if err != nil {
		return err.Error()
	}
	return lastLines(text, 1)
}
