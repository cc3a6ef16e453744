// Package surface is what Lifeboat protects: one interface that a database (or
// another thing with state) implements to be snapshotted and restored. Every
// implementation passes the suite in surfacetest.
package surface

import (
	"context"
	"encoding/json"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Surface is one protected system. Its methods may be called from several
// workers at once; whatever they must agree on travels in View.Token and
// Part.Spec. Errors are classified by package fault: Unavailable when the
// source can't be reached, Denied, Unsupported (server too old, client tool
// of the right version not found), Lost when the consistent view is gone.
type Surface interface {
	// Kind is the name of the implementation, one of the Kinds of Config.
	Kind() string
	// Probe connects and says what answers.
	Probe(ctx context.Context) (Server, error)
	// Hold opens one consistent view of the source and plans its parts.
	Hold(ctx context.Context) (View, error)
	// Dump writes one part of a held view to w as plaintext, in the format
	// that the part names, and returns what it saw of it. Any worker may call
	// it; a repeated call writes the part anew from the same view.
	Dump(ctx context.Context, token string, part Part, w io.Writer) (Fingerprint, error)
	// Examine returns the entries of the fingerprint that can't be taken while
	// dumping, by reading the sealed parts back. Most surfaces return nothing.
	Examine(ctx context.Context, src Source) (Fingerprint, error)

	// Begin prepares a target for Load: creates the database, roles, tables.
	// A repeated call starts over, as long as Finish was not called.
	Begin(ctx context.Context, t Target, src Source) error
	// Load restores one part whose role is RoleData from r into the target. It is idempotent:
	// called again for a part that is in place, it changes nothing.
	Load(ctx context.Context, t Target, part Part, r io.Reader) error
	// Finish completes the target: indexes, constraints, sequence values.
	// It is idempotent.
	Finish(ctx context.Context, t Target, src Source) error
	// Fingerprint takes the same fingerprint of a running target as was taken
	// of the source, limited to the target's Selection.
	Fingerprint(ctx context.Context, t Target) (Fingerprint, error)
}

// Server is what a probe found.
type Server struct {
	// Product is the server's own name: PostgreSQL, Redis, Valkey.
	Product string `json:"product"`
	// Version is the server's version as it gives it, such as 15.18.
	Version string `json:"version"`
	// Major is the number that decides which tools fit, such as 15.
	Major int `json:"major"`
	// Bytes is about how much data it holds, uncompressed.
	Bytes int64 `json:"bytes"`
}

// View is a consistent view of a source, held open by one worker.
type View interface {
	// Token is what any worker needs to see the same data. It holds no secret.
	Token() string
	// Server is the server the view is of.
	Server() Server
	// Parts are what there is to dump, the largest first.
	Parts() []Part
	// Fingerprint has the entries that were taken when the view was opened.
	Fingerprint() Fingerprint
	// Check returns an error of kind fault.Lost when the view is gone. It is
	// called every few seconds, and keeps the connection from looking idle.
	Check(ctx context.Context) error
	// Close gives the view up. Nothing of it stays open on the source.
	Close() error
}

// The roles of a part.
const (
	// RoleData parts are loaded by Load, in any order and in parallel.
	RoleData = "data"
	// RoleMeta parts are read by Begin and Finish through the Source.
	RoleMeta = "meta"
)

// Part is one object of a recovery point.
type Part struct {
	// Name is unique in the point, and part of the object's key: lower-case
	// letters, digits, ".", "-" and "_".
	Name string `json:"name"`
	// Role is RoleData or RoleMeta.
	Role string `json:"role"`
	// Format names the plaintext: pgdump-custom, sql, pgcopy-binary, rdb.
	Format string `json:"format"`
	// Estimate is about how many plaintext bytes will come.
	Estimate int64 `json:"estimate,omitempty"`
	// Spec is the surface's own description of what the part holds. It is at
	// most a few KiB, for it travels through histories, and holds no secret.
	Spec json.RawMessage `json:"spec,omitempty"`
}

// Source opens the parts of a sealed point.
type Source interface {
	// Parts lists them.
	Parts() []Part
	// Open reads one part's plaintext. The reader fails at its end, with a
	// fault of kind Corrupt, if the bytes were not those that were written.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Fingerprint is the one taken at backup time.
	Fingerprint() Fingerprint
}

// Target is a running server to restore into.
type Target struct {
	// URL connects to it, as an administrator, naming the database to make.
	URL secret.String
	// Throwaway is set for a server that exists for this restore alone: it may
	// be filled by faster ways that a server with other users would not bear,
	// and globals (roles, tablespaces) are restored too.
	Throwaway bool
	// Replace permits to empty a target that has data; without it Begin fails
	// with fault.Conflict when anything is there.
	Replace bool
	// ScratchDir is a folder for temporary files, removed by the caller.
	ScratchDir string
	// Selection limits what is restored.
	Selection Selection
	// Jobs is how many statements Finish may run at once; below 1 means 2.
	Jobs int
	// Conflict says what becomes of things that a target has already, for
	// surfaces whose targets may hold other things too: one of the Conflicts;
	// empty means ConflictFail, and ConflictUpdate where Replace is set.
	Conflict string
	// Expected is the fingerprint that the target will be compared with, where
	// it is known. A digest that can be taken in more than one way is then
	// taken in the way of Expected; nothing else depends on it.
	Expected Fingerprint
}

// Selection limits a restore. The zero value means everything.
type Selection struct {
	// Schemas names whole schemas.
	Schemas []string `json:"schemas,omitempty"`
	// Tables names tables as schema.table, unquoted.
	Tables []string `json:"tables,omitempty"`

	// Resources are types of a Kubernetes point, as PLURAL or PLURAL.GROUP;
	// Names are those of resources, as NAME or NAMESPACE/NAME; Labels is a
	// label selector. What is given must all hold of a resource.
	Resources []string `json:"resources,omitempty"`
	Names     []string `json:"names,omitempty"`
	Labels    string   `json:"labels,omitempty"`
}

// What becomes of what a target has already.
const (
	// ConflictFail restores nothing when anything is in the way that is not as in the point.
	ConflictFail = "fail"
	// ConflictSkip leaves what is there as it is.
	ConflictSkip = "skip"
	// ConflictUpdate makes what is there as it is in the point.
	ConflictUpdate = "update"
)

// Conflicts lists what a restore may do about things that are in its way.
var Conflicts = []string{ConflictFail, ConflictSkip, ConflictUpdate}

// All reports whether everything is selected.
func (s Selection) All() bool {
	return len(s.Schemas) == 0 && len(s.Tables) == 0 && len(s.Resources) == 0 && len(s.Names) == 0 && s.Labels == ""
}
