package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// recovery is what the record of a recovered server keeps.
type recovery struct {
	Command   string            `json:"command,omitempty"`
	Settings  map[string]string `json:"settings,omitempty"`
	Superuser string            `json:"superuser,omitempty"`
	Preload   []string          `json:"preload,omitempty"`
	Limits    limits            `json:"limits"`
	// LogFrom is where in the log the present run of the server begins.
	LogFrom int64 `json:"logFrom"`
	// Database is the one that the URL names.
	Database string `json:"database,omitempty"`
	// LastCommit is the latest that was seen while replaying: a server that was
	// started again may see no more of them.
	LastCommit time.Time `json:"lastCommit,omitzero"`
	// Reached is set once the server was promoted.
	Reached *Recovered `json:"reached,omitempty"`
}

// replay follows the recovery that runs, or starts one, until the server is
// promoted, and writes down what was reached.
func (i *instance) replay(ctx context.Context, o owner, r Recovery, progress func(RecoveryState)) error {
	if running, err := i.find(r); err != nil || !running {
		if err == nil {
			err = i.startReplay(ctx, o, r)
		}
		if err != nil {
			return err
		}
	}
	f := &follower{i: i, log: journal{path: i.logPath()}, progress: progress}
	for {
		f.log.begin(i.rec.Recovery.LogFrom)
		err := f.follow(ctx)
		if errors.Is(err, errLimits) {
			// The source's limits were raised in the WAL; pg_control knows the new ones.
			if err = i.raiseLimits(ctx, o); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		break
	}
	err := i.note(f.log, r)
	if err != nil {
		err = errors.Join(err, i.quit(ctx, syscall.SIGINT))
	}
	return err
}

// find looks for a server that an earlier call started.
func (i *instance) find(r Recovery) (bool, error) {
	pids, err := processesIn(i.dir)
	if err != nil {
		return false, fault.Disk(err, "look for processes")
	}
	if len(pids) == 0 {
		return false, nil
	}
	old := i.rec.Recovery
	if old.Command != r.RestoreCommand || !maps.Equal(old.Settings, r.Settings) {
		return false, fault.New(fault.Conflict, "it is being recovered to another target: stop it first")
	}
	i.rec.PID = pids[0]
	return true, i.save()
}

// startReplay starts PostgreSQL for the first time, or on what is left of a
// recovery that ended half-way.
func (i *instance) startReplay(ctx context.Context, o owner, r Recovery) error {
	if i.rec.State == statePreparing {
		if err := i.takeOver(o); err != nil {
			return err
		}
		i.rec.State = stateRecovering
	}
	rec := i.rec.Recovery
	rec.Command, rec.Settings, rec.Superuser, rec.Preload = r.RestoreCommand, r.Settings, r.Superuser, r.Preload
	return i.startOnLimits(ctx, o)
}

// raiseLimits starts a server again that waits for higher limits, or has ended for want of them.
func (i *instance) raiseLimits(ctx context.Context, o owner) error {
	if err := i.quit(ctx, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	before := i.rec.Recovery.Limits
	if err := i.startOnLimits(ctx, o); err != nil {
		return err
	}
	if i.rec.Recovery.Limits == before {
		return fault.New(fault.Internal, "PostgreSQL wants higher limits than %+v and does not say which", before)
	}
	return nil
}

func (i *instance) startOnLimits(ctx context.Context, o owner) error {
	if err := i.endOrphans(ctx); err != nil {
		return err
	}
	var err error
	if i.rec.Recovery.Limits, err = i.readLimits(ctx, o); err != nil {
		return err
	}
	if i.rec.Port == 0 {
		if i.rec.Port, err = freePort(ctx); err != nil {
			return err
		}
	}
	if info, err := os.Stat(i.logPath()); err == nil {
		i.rec.Recovery.LogFrom = info.Size()
	}
	if err := i.save(); err != nil {
		return err
	}
	if err := i.kind.configure(i, o); err != nil {
		return err
	}
	p, err := i.spawn(ctx, o)
	if err != nil {
		return err
	}
	i.rec.PID = p.pid
	return i.save()
}

// endOrphans ends what a server that was killed left behind: backends that wait
// for a restore command do not see that their server is gone, and nobody can
// start another one while they are there.
func (i *instance) endOrphans(ctx context.Context) error {
	// Processes know their folder by its real path; a place that was named is behind a link.
	data, err := filepath.EvalSymlinks(i.data())
	if err != nil {
		return fault.Disk(err, "find the data directory")
	}
	pids, err := processesAt(data)
	if err != nil {
		return fault.Disk(err, "look for processes")
	}
	for _, pid := range pids {
		// One that ended meanwhile is as wanted.
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	ctx, cancel := context.WithTimeout(ctx, quitWithin)
	defer cancel()
	for _, pid := range pids {
		if err := poll(ctx, pollEvery, func() bool { return !worksAt(pid, data) }); err != nil {
			return fault.Wrap(fault.Unavailable, err, "end what the server left behind")
		}
	}
	return nil
}

// note writes down what a recovery reached.
func (i *instance) note(log journal, r Recovery) error {
	out := Recovered{Timeline: log.timeline, Stopped: log.stopped, LastCommit: i.rec.Recovery.LastCommit}
	if log.lastCommit.After(out.LastCommit) {
		out.LastCommit = log.lastCommit
	}
	path := filepath.Join(i.data(), "pg_wal", wal.HistoryName(log.timeline))
	text, err := os.ReadFile(path)
	if err != nil {
		return fault.Disk(err, "read where the WAL was left")
	}
	history, err := wal.ParseHistory(log.timeline, text)
	if err != nil {
		return err
	}
	left, ok := history.Parent()
	if !ok {
		return fault.New(fault.Internal, "PostgreSQL went on with timeline %d and noted no other one that it left", log.timeline)
	}
	out.From, out.ReachedLSN = left.Timeline, left.End
	if log.redo != 0 && log.redo < left.End {
		out.Bytes = int64(left.End - log.redo)
	}
	if out.ReachedLSN < r.AtLeast {
		return fault.New(fault.Corrupt, "recovery ended at %s, before %s that it had to reach: %s", out.ReachedLSN, r.AtLeast, orNothing(log.stopped))
	}
	i.rec.Recovery.Reached = &out
	return i.save()
}

func orNothing(text string) string {
	if text == "" {
		return "the log does not say why"
	}
	return text
}
