package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

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
	i, unlock, err := e.lock(ctx, id)
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
		if err := checkPlace(spec.DataDir); err != nil {
			return Prepared{}, err
		}
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
		return Prepared{}, fault.Disk(err, "read the host's boot id")
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
	if err := i.placeData(o); err != nil && !os.IsExist(err) {
		return Prepared{}, fault.Disk(err, "make the data directory of environment %s", i.id)
	}
	for _, dir := range []string{i.data(), i.socketDir(), p.Spool, filepath.Join(i.dir, tablespacesName)} {
		if err := o.mkdir(dir); err != nil && !os.IsExist(err) {
			return Prepared{}, fault.Disk(err, "make the folder of environment %s", i.id)
		}
		// An earlier call may have ended between making it and giving it away.
		if err := o.chown(dir); err != nil {
			return Prepared{}, fault.Disk(err, "make the folder of environment %s", i.id)
		}
	}
	return p, nil
}
