// Package evidence is the ledger of what was proved and of who did what: an
// append-only log on a store, one object for each entry, hash-chained into a
// Merkle tree (RFC 6962, RFC 9162) whose head is signed with every entry as a
// C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint), which is a C2SP
// signed note (https://c2sp.org/signed-note) by Ed25519.
//
// FORMAT.md, under Evidence, specifies the objects. What a ledger promises:
//
//   - The creation of the object of entry N, if absent, is the moment in which it
//     is appended. Whoever loses a race reads what is there and tries N+1, so
//     that any number of writers lose nothing and stay in order.
//   - Every entry holds the SHA-256 of the whole object before it, and the
//     signature of the last one is over the tree of all: one signature and the
//     public key suffice to check everything, offline.
//   - The hashes that an entry completes stand in its object, so that a proof
//     reads as many objects as the logarithm of the ledger.
//   - Entries are not encrypted, for a stranger must be able to check them; they
//     hold no secret.
//
// Where it goes beyond the chain: time never goes back in a ledger. An entry of
// a writer whose clock is behind has the time of the entry before it, and what
// the clock said beside it. And evidence/checkpoint exists before the first entry
// does, so that it can't be missing for an honest reason.
package evidence

import (
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// DefaultOrigin is the name of a ledger, and of the key that signs it, where
// nothing else was chosen.
const DefaultOrigin = "lifeboat-evidence"

// The keys of a ledger on its store.
const (
	folder        = "evidence/"
	entriesFolder = folder + "entries/"
	checkpointKey = folder + "checkpoint"
	readmeName    = "README.md"
)

// Options say how a ledger is opened.
type Options struct {
	// Origin is the ledger's name, which every checkpoint begins with, and the
	// name in the keys that sign it. Empty means whatever name the trusted keys
	// have.
	Origin string
	// Signer signs what is appended; nil opens the ledger for reading only.
	Signer *seal.Signer
	// Trusted are public keys (NAME+HASH+BASE64) whose signature on the ledger's
	// head is accepted beside the Signer's own: older ones after a change of
	// keys, or the only ones for a reader.
	Trusted []string
	// RetainFor makes entries and attachments immutable for so long, where the
	// store can lock objects; 0 asks for nothing.
	RetainFor time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Remember is a local file in which the largest checkpoint that was ever seen
	// is kept. A ledger that was cut or forked since is found by it, also when
	// its checkpoint was put back to an older, genuine one. Empty means none.
	Remember string
	// Copies are stores that get, after each Append, what they lack of the
	// ledger; Verify compares their entries with those of the ledger.
	Copies []store.Store
}

// Ledger is one ledger on a store. It may be used by many goroutines, and any
// number of processes may append to the same ledger.
type Ledger struct {
	store   store.Store
	options Options
	trusted []string
	// readme is attached to the first entry.
	readme []byte
	// appending is held, as its one place, by the append under way.
	appending chan struct{}
	copies    []*mirror

	mu sync.Mutex
	// head is the newest state that was verified; nil before the first.
	head *tree
	// recent are the newest entries that were read, up to head without a gap.
	recent recent
}

// Open opens the ledger of a store; it reads nothing yet, and a ledger that
// does not exist begins with the first Append.
func Open(st store.Store, o Options) *Ledger {
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Ledger{store: st, options: o, trusted: slices.Clone(o.Trusted), readme: readme, appending: make(chan struct{}, 1)}
	if o.Signer != nil {
		own := o.Signer.Public()
		l.trusted = append([]string{own}, slices.DeleteFunc(l.trusted, func(key string) bool { return key == own })...)
	}
	for _, to := range o.Copies {
		l.copies = append(l.copies, &mirror{to: to})
	}
	return l
}

// Writable reports whether the ledger was opened with a key to sign with.
func (l *Ledger) Writable() bool { return l.options.Signer != nil }

// Trusted are the public keys that the ledger's head is checked with.
func (l *Ledger) Trusted() []string { return slices.Clone(l.trusted) }
