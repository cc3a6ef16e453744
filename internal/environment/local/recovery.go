package local

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	i, unlock, err := e.lock(id)
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
		return diskFault(err, "read the host's boot id")
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
	i.rec.Port = 0
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

// Prepared is an environment whose data directory is to be filled from a base backup.
type Prepared struct {
	ID string `json:"id"`
	// Dir is the environment's folder, DataDir the data directory in it, Spool
	// a folder on the same file system for WAL that is to be replayed.
	Dir     string `json:"dir"`
	DataDir string `json:"dataDir"`
	Spool   string `json:"spool"`
	// Owner must own every file and folder that is put into DataDir.
	Owner Owner `json:"owner"`
	// BinDir is where the programs of the server are.
	BinDir string `json:"binDir"`
	// Begun is set once Recover has begun: the data directory must then be left alone.
	Begun bool `json:"begun"`
	// Rebooted is set when the host went down since the first Prepare: files
	// that were written before and not flushed to disk may be torn.
	Rebooted bool `json:"rebooted"`
}

// Owner is the account that runs a server.
type Owner struct {
	// Name is empty when that is the worker's own account.
	Name string `json:"name,omitempty"`
	// UID and GID are -1 when files get the right owner by themselves, as os.Lchown has it.
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// TablespaceDir is where the files of a tablespace go: what is in its archive,
// PG_15_… at the top. Prepare makes the folder that it is in.
func (p Prepared) TablespaceDir(oid uint32) string { return tablespaceDir(p.Dir, oid) }

func tablespaceDir(dir string, oid uint32) string {
	return filepath.Join(dir, tablespacesName, strconv.FormatUint(uint64(oid), 10))
}

// tablespacesName is the folder of all tablespaces.
const tablespacesName = "tablespaces"

// Prepare makes the folder of a server that is to be recovered, with an empty
// data directory. Called again, it leaves what is in place and returns the same.
// Spec.Kind is postgres, and Spec.Major the version of the data, which must be
// installed exactly; it is the caller's to fill DataDir and to call Recover.
// Errors: Unsupported when that version is not installed, Conflict when the id
// is taken by another server, Denied and Exhausted for the folder.
func (e *Environment) Prepare(ctx context.Context, id string, spec Spec) (Prepared, error) {
	if spec.Kind != "postgres" || spec.Major == 0 {
		return Prepared{}, fault.New(fault.Invalid, "only PostgreSQL of a known version is recovered from a base backup")
	}
	i, unlock, err := e.lock(id)
	if err != nil {
		return Prepared{}, err
	}
	defer unlock()
	switch found, err := i.load(); {
	case err != nil:
		return Prepared{}, err
	case found && i.rec.Recovery == nil:
		return Prepared{}, fault.New(fault.Conflict, "environment %s is another server: stop it or take another id", id)
	case found && i.rec.Major != spec.Major:
		return Prepared{}, fault.New(fault.Conflict, "environment %s is prepared for PostgreSQL %d: stop it or take another id", id, i.rec.Major)
	case !found:
		if err := i.newRecord(ctx, postgres{}, spec); err != nil {
			return Prepared{}, err
		}
		if i.rec.Major != spec.Major {
			return Prepared{}, fault.New(fault.Unsupported, "a base backup of PostgreSQL %d needs that very version, and %s is installed here: install PostgreSQL %[1]d, or set binDir", spec.Major, i.rec.Version)
		}
		i.rec.State, i.rec.Recovery = statePreparing, &recovery{}
	}
	return i.prepare()
}

// prepare makes what is missing of the folder.
func (i *instance) prepare() (Prepared, error) {
	o, err := ownerNamed(i.rec.Account)
	if err != nil {
		return Prepared{}, fmt.Errorf("look up the user of environment %s: %w", i.id, err)
	}
	boot, err := bootID()
	if err != nil {
		return Prepared{}, diskFault(err, "read the host's boot id")
	}
	p := Prepared{
		ID: i.id, Dir: i.dir, DataDir: i.data(), Spool: filepath.Join(i.dir, "spool"), BinDir: i.rec.BinDir,
		Owner: Owner{Name: o.name, UID: -1, GID: -1}, Begun: i.rec.State != statePreparing, Rebooted: boot != i.rec.Boot,
	}
	if o.name != "" {
		p.Owner.UID, p.Owner.GID = o.uid, o.gid
	}
	if p.Begun {
		return p, nil
	}
	if err := i.passable(o); err != nil {
		return Prepared{}, err
	}
	for _, dir := range []string{i.data(), i.socketDir(), p.Spool, filepath.Join(i.dir, tablespacesName)} {
		if err := o.mkdir(dir); err != nil && !os.IsExist(err) {
			return Prepared{}, diskFault(err, "make the folder of environment %s", i.id)
		}
		// An earlier call may have ended between making it and giving it away.
		if err := o.chown(dir); err != nil {
			return Prepared{}, diskFault(err, "make the folder of environment %s", i.id)
		}
	}
	return p, nil
}
