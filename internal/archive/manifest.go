// Package archive is the format of a recovery point on a store: its parts,
// each one a stream that is compressed and encrypted on its way, and the
// manifest that makes a point of them. FORMAT.md is its specification.
package archive

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// FormatVersion is the version of the layout and of the manifest that this
// package writes. A reader refuses a larger one.
const FormatVersion = 1

// Objects in a point's folder beside its parts.
const (
	// ManifestName is written last: a point exists when it does.
	ManifestName = "manifest.json"
	// IdentityFileName is the point's own identity behind a passphrase.
	IdentityFileName = "identity.age"
)

// Kinds of points.
const (
	KindSnapshot = "snapshot"
	KindBase     = "base"
)

// CompressionZstd is the one compression of format 1.
const CompressionZstd = "zstd"

// Manifest describes a sealed recovery point. It is the last object written of
// it: without a manifest there is no point. It holds no secret and no row.
type Manifest struct {
	// ID sorts by time: 20060102T150405.000Z-xxxxxx; see NewID.
	ID string `json:"id"`
	// Surface is the name of the surface in the configuration.
	Surface string `json:"surface"`
	// SurfaceKind is the kind of the surface, one of the kinds of surface.Config.
	SurfaceKind string `json:"surfaceKind"`
	// Kind is what sort of point this is: snapshot or base.
	Kind string `json:"kind"`
	// Policy names the policy that asked for it, empty when a person did.
	Policy string `json:"policy,omitempty"`
	// Reason says why it exists where that isn't its policy, such as "safety copy before restore".
	Reason string `json:"reason,omitempty"`
	// CreatedAt is the moment whose state the point holds: when its view was opened.
	CreatedAt time.Time `json:"createdAt"`
	// SealedAt is when the manifest was made.
	SealedAt time.Time `json:"sealedAt"`
	// LockedUntil is until when the store keeps the point's objects unchanged; zero without a lock.
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
	// Base describes a point of kind base; nil for others.
	Base *Base `json:"base,omitempty"`
	// Server is the server that was dumped.
	Server surface.Server `json:"server"`
	// Bytes is the sum of the stored bytes of all parts; PlainBytes before compression.
	Bytes      int64 `json:"bytes"`
	PlainBytes int64 `json:"plainBytes"`
	// Compression is the algorithm of every part: zstd.
	Compression string `json:"compression"`
	// Encryption says how the parts are encrypted.
	Encryption Encryption `json:"encryption"`
	// Parts in order of name. At least one has the role RoleFingerprint, unless Kind is base.
	Parts []PartEntry `json:"parts"`
	// Entries is how many entries the fingerprint has, Counts the sum of their counts by kind.
	Entries int              `json:"entries"`
	Counts  map[string]int64 `json:"counts,omitempty"`
	// Notes are what a reader should know, one line each, such as an invalid index that was left out.
	Notes []string `json:"notes,omitempty"`
	// Missing names what could not be read of the source, and why, one line
	// each: such a point is partial. Empty for a whole one.
	Missing []string `json:"missing,omitempty"`
	// WorkflowID and RunID name the run that made it.
	WorkflowID string `json:"workflowId,omitempty"`
	RunID      string `json:"runId,omitempty"`
	// Tool is the version of Lifeboat that wrote it.
	Tool string `json:"tool"`
}

// Encryption says how the parts of a point are encrypted.
type Encryption struct {
	// Scheme is age or none.
	Scheme string `json:"scheme"`
	// Recipients are the public keys that can open it (age1…). With a
	// passphrase it is the one key of the point's identity file.
	Recipients []string `json:"recipients,omitempty"`
	// IdentityFile is the object, in the point's folder, that holds the
	// point's own identity, encrypted by a passphrase. Empty without one.
	IdentityFile string `json:"identityFile,omitempty"`
}

func (e Encryption) encrypted() bool { return e.Scheme == seal.SchemeAge }

// PartEntry is one part as the manifest lists it.
type PartEntry struct {
	surface.Part
	// Object is the name of the part's object in the point's folder:
	// NAME.ATTEMPT.FORMAT.zst.age, see FORMAT.md.
	Object string `json:"object"`
	// Bytes is the size of the object, PlainBytes before compression.
	Bytes      int64 `json:"bytes"`
	PlainBytes int64 `json:"plainBytes"`
	// Digest is over the object's bytes as stored: blake3:HEX.
	Digest string `json:"digest"`
	// Entries and Counts say what a part with RoleFingerprint holds, as those
	// of the Manifest do.
	Entries int              `json:"entries,omitempty"`
	Counts  map[string]int64 `json:"counts,omitempty"`
}

// part finds a part by name.
func (m Manifest) part(name string) (PartEntry, bool) {
	for _, p := range m.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return PartEntry{}, false
}
