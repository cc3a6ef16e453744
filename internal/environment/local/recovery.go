package local

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Recovery says how a data directory that was made from a base backup becomes a server.
type Recovery struct {
	// RestoreCommand is PostgreSQL's restore_command, with %f, %p and %%.
	RestoreCommand string
	// Settings are those named recovery_target, recovery_target_* alone. Without
	// a target, all WAL that the command delivers is replayed.
	Settings map[string]string
	// Superuser is the bootstrap superuser's name on the source. It is asked
	// for progress; empty, or of a role that is gone, there is less progress to see.
	Superuser string
	// Preload are libraries without which the WAL can't be replayed, such as
	// those of table access methods. Nothing else that production preloads is.
	Preload []string
	// AtLeast is a position that must be reached, or the recovery has failed:
	// PostgreSQL takes WAL that it can't read for the end of the WAL.
	AtLeast wal.LSN
}

// RecoveryState is how far a recovery is.
type RecoveryState struct {
	// Segment is the WAL file that was last taken from the archive.
	Segment string `json:"segment,omitempty"`
	// Replayed is the end of what was replayed. It stays 0 until the data are consistent.
	Replayed wal.LSN `json:"replayed"`
	// LastCommit is when the last transaction that was replayed had ended on the source.
	LastCommit time.Time `json:"lastCommit,omitzero"`
	// Consistent is set once the base backup's own WAL has been replayed.
	Consistent bool `json:"consistent"`
	// Promoted is set once replay has ended and the server has its own timeline.
	Promoted bool `json:"promoted"`
}

// Recovered is a recovered server and what its recovery truly reached.
type Recovered struct {
	Server Server `json:"server"`
	// ReachedLSN is the end of the last record that was replayed.
	ReachedLSN wal.LSN `json:"reachedLsn"`
	// LastCommit is when the last transaction that is in the data had ended on
	// the source; zero when none ended in the WAL that was replayed.
	LastCommit time.Time `json:"lastCommit,omitzero"`
	// Timeline is the new one that the server is on, From the one it left.
	Timeline uint32 `json:"timeline"`
	From     uint32 `json:"from"`
	// Bytes is how much WAL was replayed.
	Bytes int64 `json:"bytes"`
	// Stopped is how the replay ended, in PostgreSQL's words, such as
	// "recovery stopping before commit of transaction 731, time …" or
	// "invalid record length at 0/5000148: wanted 24, got 0".
	Stopped string `json:"stopped,omitempty"`
}

// Recover starts PostgreSQL on the data directory that Prepare made and a base
// backup was put into, replays WAL up to the target, promotes it, makes it
// durable and lets only the role lifeboat in, by the server's URL. No setting of
// production holds in it; the backup's own configuration files are kept aside in
// the folder production. Called again, also by another process, it goes on with
// a recovery that runs, or with what is left of one; a recovered server is
// returned as it is. progress may be nil; it is called several times a second.
//
// Errors: Missing for a target that the WAL does not reach, Invalid for one
// that can't be, Corrupt for WAL or a backup that can't be read, Unavailable
// when the restore command failed, Unsupported for WAL that the installed server
// can't replay, Lost when the host went down meanwhile. The server is stopped
// then, and its log stays until Stop.
func (e *Environment) Recover(ctx context.Context, id string, r Recovery, progress func(RecoveryState)) (Recovered, error) {
	if err := r.validate(); err != nil {
		return Recovered{}, err
	}
	i, unlock, err := e.lock(ctx, id)
	if err != nil {
		return Recovered{}, err
	}
	defer unlock()
	if err := i.mustLoad(); err != nil {
		return Recovered{}, err
	}
	if i.rec.Recovery == nil {
		return Recovered{}, fault.New(fault.Conflict, "environment %s was not prepared for a recovery: stop it or take another id", id)
	}
	if progress == nil {
		progress = func(RecoveryState) {}
	}
	if i.rec.State != stateDurable {
		if err := i.recover(ctx, r, progress); err != nil {
			return Recovered{}, fault.While(err, "recover environment %s", id)
		}
	} else if !i.answers(ctx) {
		if err := i.launch(ctx); err != nil {
			return Recovered{}, err
		}
	}
	out := *i.rec.Recovery.Reached
	out.Server = i.server()
	return out, nil
}

// recover does what Recover promises for what is not durable yet.
func (i *instance) recover(ctx context.Context, r Recovery, progress func(RecoveryState)) error {
	boot, err := bootID()
	if err != nil {
		return fault.Disk(err, "read the host's boot id")
	}
	if i.rec.State == stateRecovering && boot != i.rec.Boot {
		return fault.New(fault.Lost, "the host went down meanwhile: restore again")
	}
	o, err := ownerNamed(i.rec.Account)
	if err != nil {
		return fmt.Errorf("look up the user of environment %s: %w", i.id, err)
	}
	if i.rec.Recovery.Reached == nil {
		i.rec.Boot = boot
		if err := i.replay(ctx, o, r, progress); err != nil {
			return err
		}
	}
	if err := i.admitSuperuser(ctx, o); err != nil {
		return fault.While(err, "make the role %s", superuser)
	}
	// The port was only the socket's so far: whoever took it since keeps it.
	i.rec.Port = i.rec.FixedPort
	return fault.While(i.kind.makeDurable(ctx, i), "make it durable")
}

// targets are the settings that a recovery may have.
var targets = []string{
	"recovery_target", "recovery_target_name", "recovery_target_time", "recovery_target_xid",
	"recovery_target_lsn", "recovery_target_inclusive", "recovery_target_timeline",
}

// longestCommand is how long a command may be: PostgreSQL before 16 cuts it at
// 1024 bytes after it has put in names of up to 35.
const longestCommand = 1023 - 2*35

func (r Recovery) validate() error {
	if r.RestoreCommand == "" || len(r.RestoreCommand) > longestCommand || strings.ContainsAny(r.RestoreCommand, "\n\x00") {
		return fault.New(fault.Invalid, "the restore command must be one line of at most %d bytes: choose a shorter data folder", longestCommand)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		value := r.Settings[name]
		promotes := name == "recovery_target_action" && value == "promote"
		if !promotes && (!slices.Contains(targets, name) || strings.ContainsAny(value, "\n\x00")) {
			return fault.New(fault.Invalid, "%s = %q is no setting that a recovery may have", name, value)
		}
	}
	for _, library := range r.Preload {
		if strings.ContainsAny(library, ",'\"\\/ \n\x00") || library == "" {
			return fault.New(fault.Invalid, "%q is no name of a library to preload", library)
		}
	}
	return nil
}
