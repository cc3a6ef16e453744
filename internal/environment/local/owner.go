package local

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// owner is the system user that runs a server. The zero value is the worker's own user.
type owner struct {
	name     string
	uid, gid int
}

// chooseOwner returns whom a server runs as. PostgreSQL refuses to run as root,
// and nothing should: root gives its servers to the first of the accounts that
// exists, or to nobody.
func chooseOwner(accounts ...string) (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	for _, name := range append(accounts, "nobody") {
		o, err := ownerNamed(name)
		if err == nil {
			return o, nil
		}
		if _, unknown := errors.AsType[user.UnknownUserError](err); !unknown {
			return owner{}, err
		}
	}
	return owner{}, fault.New(fault.Unsupported, "running as root, and there is no user %s to run the server as: create one, or run the worker as another user", accounts[0])
}

// ownerNamed looks a user up; the empty name is the worker's own user.
func ownerNamed(name string) (owner, error) {
	if name == "" {
		return owner{}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return owner{}, err
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	return owner{name, uid, gid}, errors.Join(errUID, errGID)
}

func (o owner) chown(path string) error {
	if o.name == "" {
		return nil
	}
	return os.Lchown(path, o.uid, o.gid)
}

func (o owner) credential() *syscall.Credential {
	if o.name == "" {
		return nil
	}
	return &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
}

// mkdir makes a folder that only o may enter.
func (o owner) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return o.chown(path)
}

// makePassable makes a folder and those above it that are missing, such that
// others may pass through but not list them, whatever the umask is.
func makePassable(path string) error {
	switch _, err := os.Stat(path); {
	case err == nil:
		return nil
	case !os.IsNotExist(err):
		return err
	}
	if err := makePassable(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o711); err != nil && !os.IsExist(err) {
		return err
	}
	return os.Chmod(path, 0o711)
}

// mustReach reports a folder on the way to path that o may not pass.
func (o owner) mustReach(path string) error {
	if o.name == "" {
		return nil
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fault.Disk(err, "reach %s", dir)
		}
		if !o.mayPass(info) {
			return fault.New(fault.Denied, "user %s may not pass %s: run chmod o+x on it, or set the data folder elsewhere", o.name, dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (o owner) mayPass(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case int(stat.Uid) == o.uid:
		return mode&0o100 != 0
	case int(stat.Gid) == o.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
