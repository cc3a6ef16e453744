package seal

import (
	"sync"

	"github.com/zeebo/blake3"
)

// maxOpened is how many identity files are remembered: those of the points
// that are worked on at the same time.
const maxOpened = 16

// openedFiles remembers what was in identity files, because every step of a
// restore opens the same one and scrypt is slow by design. One is unlocked at
// a time, so that scrypt's 64 MiB aren't taken more than once.
type openedFiles struct {
	mu    sync.Mutex
	files map[[32]byte][]identity
}

// get returns what is in a file, or what unlock finds in it.
func (o *openedFiles) get(file []byte, unlock func() ([]identity, error)) ([]identity, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	digest := blake3.Sum256(file)
	if ids, known := o.files[digest]; known {
		return ids, nil
	}
	ids, err := unlock()
	if err == nil {
		o.remember(digest, ids)
	}
	return ids, err
}

func (o *openedFiles) put(file []byte, ids []identity) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remember(blake3.Sum256(file), ids)
}

func (o *openedFiles) remember(digest [32]byte, ids []identity) {
	if len(o.files) >= maxOpened {
		clear(o.files)
	}
	if o.files == nil {
		o.files = make(map[[32]byte][]identity)
	}
	o.files[digest] = ids
}
