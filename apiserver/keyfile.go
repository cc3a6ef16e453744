package apiserver

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// keyFile is a JSON file of API keys, mode 0600, replaced as a whole at every
// change, under a lock that processes on the same host respect.
type keyFile struct {
	path string

	mu   sync.Mutex
	seen fs.FileInfo
	keys map[string]storedKey
}

// keyRecord is one key as the file has it.
type keyRecord struct {
	ID        string    `json:"id"`
	Role      Role      `json:"role"`
	Hash      string    `json:"hash"`
	CreatedAt time.Time `json:"createdAt"`
}

type keyDocument struct {
	Keys []keyRecord `json:"keys"`
}

// read returns the keys, which the caller must not change. It looks at the file
// again only when that was replaced.
func (f *keyFile) read() (map[string]storedKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.seen, f.keys = nil, nil
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "look at the file of API keys")
	}
	if f.seen != nil && os.SameFile(info, f.seen) && info.ModTime().Equal(f.seen.ModTime()) && info.Size() == f.seen.Size() {
		return f.keys, nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the file of API keys")
	}
	keys, err := decodeKeys(text)
	if err != nil {
		return nil, fault.While(err, "read %s", f.path)
	}
	f.seen, f.keys = info, keys
	return keys, nil
}

func decodeKeys(text []byte) (map[string]storedKey, error) {
	var document keyDocument
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fault.New(fault.Invalid, "the file of API keys is not valid JSON; restore it or remove it")
	}
	keys := make(map[string]storedKey, len(document.Keys))
	for _, r := range document.Keys {
		if !config.ValidKeyName(r.ID) || !slices.Contains(config.Roles, string(r.Role)) {
			return nil, fault.New(fault.Invalid, "the file of API keys has a key with an impossible id or role; restore it or remove it")
		}
		keys[r.ID] = storedKey{Key{r.ID, r.Role, "file", r.CreatedAt}, secret.String(r.Hash)}
	}
	return keys, nil
}

// change lets edit work on a copy of the keys and writes what it leaves,
// unless it fails or leaves everything as it was.
func (f *keyFile) change(edit func(map[string]storedKey) error) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fault.Wrap(fault.Unavailable, err, "make the folder of the API keys")
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "lock the API keys")
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fault.Wrap(fault.Unavailable, err, "lock the API keys")
	}
	before, err := f.read()
	if err != nil {
		return err
	}
	after := maps.Clone(before)
	if after == nil {
		after = make(map[string]storedKey)
	}
	if err := edit(after); err != nil || maps.Equal(before, after) {
		return err
	}
	return f.write(after)
}

// write replaces the file by a complete new one.
func (f *keyFile) write(keys map[string]storedKey) error {
	var document keyDocument
	for _, id := range sortedIDs(keys) {
		k := keys[id]
		document.Keys = append(document.Keys, keyRecord{k.ID, k.Role, k.Hash.Reveal(), k.CreatedAt})
	}
	text, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode the API keys")
	}
	dir := filepath.Dir(f.path)
	// CreateTemp makes files of mode 0600.
	temporary, err := os.CreateTemp(dir, ".keys-*")
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "write the API keys")
	}
	// After the rename there is nothing of that name to remove.
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(append(text, '\n'))
	if err == nil {
		err = temporary.Sync()
	}
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary.Name(), f.path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	return fault.Wrap(fault.Unavailable, err, "write the API keys")
}

// syncDir makes a rename in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func sortedIDs(keys map[string]storedKey) []string { return slices.Sorted(maps.Keys(keys)) }
