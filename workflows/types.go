package workflows

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// SnapshotInput asks for a recovery point.
type SnapshotInput struct {
	Surface string `json:"surface"`
	// Kind is snapshot or base.
	Kind string `json:"kind"`
	// PointID is the ID to give it; empty lets the workflow make one (a schedule does).
	PointID string `json:"pointId,omitempty"`
	// Policy names the policy in the configuration; empty for one on demand.
	Policy string `json:"policy,omitempty"`
	// Reason is kept in the manifest.
	Reason string `json:"reason,omitempty"`
	// Store and Copies name stores of the configuration; an empty Store means the policy's, or the first.
	Store  string   `json:"store,omitempty"`
	Copies []string `json:"copies,omitempty"`
	// By is who asked for it; empty for a schedule.
	By string `json:"by,omitempty"`
}

// SnapshotResult describes the sealed point.
type SnapshotResult struct {
	ID         string    `json:"id"`
	Surface    string    `json:"surface"`
	Kind       string    `json:"kind"`
	State      string    `json:"state"`
	URI        string    `json:"uri"`
	Store      string    `json:"store"`
	CreatedAt  time.Time `json:"createdAt"`
	Bytes      int64     `json:"bytes"`
	PlainBytes int64     `json:"plainBytes"`
	Parts      int       `json:"parts"`
	WorkflowID string    `json:"workflowId"`
}

// PointRef names a recovery point on a store.
type PointRef struct {
	Store   string `json:"store"`
	Dir     string `json:"dir"`
	ID      string `json:"id"`
	Surface string `json:"surface"`
}

// VerifyInput asks for every byte of a point to be read back.
type VerifyInput struct {
	Point PointRef `json:"point"`
	// By is who asked for it; empty for a schedule.
	By string `json:"by,omitempty"`
}

// VerifyResult says what was read.
type VerifyResult struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	VerifiedAt time.Time `json:"verifiedAt"`
	Parts      int       `json:"parts"`
	Bytes      int64     `json:"bytes"`
	PlainBytes int64     `json:"plainBytes"`
}

// RestoreInput asks for a point to be restored. Exactly one of Isolated,
// Target, SealedURL and InPlace chooses where to.
type RestoreInput struct {
	Point PointRef `json:"point"`
	// RestoreID names this restore; an isolated server is known by it.
	RestoreID string `json:"restoreId"`
	// Isolated starts a server of its own on the worker.
	Isolated bool `json:"isolated,omitempty"`
	// Host names the one worker that may start that server; empty for any.
	Host string `json:"host,omitempty"`
	// Target names an entry under targets in the configuration.
	Target string `json:"target,omitempty"`
	// SealedURL is the URL of any other server, encrypted for the configured key.
	SealedURL string `json:"sealedUrl,omitempty"`
	// InPlace replaces what the live surface holds; Confirm must then equal the surface's name.
	InPlace bool   `json:"inPlace,omitempty"`
	Confirm string `json:"confirm,omitempty"`
	// Replace permits a target that is not empty.
	Replace bool `json:"replace,omitempty"`
	// Conflict is one of surface.Conflicts, for targets that may hold other
	// things too; empty means surface.ConflictFail.
	Conflict  string            `json:"conflict,omitempty"`
	Selection surface.Selection `json:"selection"`
	// DryRun changes nothing: the result says what would be changed.
	DryRun bool `json:"dryRun,omitempty"`
	// By is who asked for it; empty for a schedule.
	By string `json:"by,omitempty"`
}

// RestoreResult describes what was restored. It holds no password: the URL of
// an isolated server is read on the worker's host, or opened from SealedURL.
type RestoreResult struct {
	ID        string    `json:"id"`
	Point     string    `json:"point"`
	Surface   string    `json:"surface"`
	State     string    `json:"state"`
	Host      string    `json:"host,omitempty"`
	Address   string    `json:"address,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// SealedURL is the URL with its password, encrypted for the configured key.
	SealedURL string `json:"sealedUrl,omitempty"`
	// Counts says what was compared: rows of tables, keys, by kind.
	Counts map[string]int64 `json:"counts,omitempty"`
	// Compared is how many fingerprint entries were compared and found equal.
	Compared int `json:"compared"`
	// SafetyPoint is the snapshot that was taken of what an in-place restore replaced.
	SafetyPoint string `json:"safetyPoint,omitempty"`
	// Kept names what the replaced data was renamed to.
	Kept string `json:"kept,omitempty"`
	// Notes say what else to know of it, one line each.
	Notes []string `json:"notes,omitempty"`
	// Changes are what a dry run found, at most 1,000.
	Changes []surface.Change `json:"changes,omitempty"`
	// Steps are the timings, in order.
	Steps []Step `json:"steps"`
}

// Step is one timed step of a run.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// PruneInput asks for retention to be applied to one policy.
type PruneInput struct {
	Policy string `json:"policy"`
	DryRun bool   `json:"dryRun,omitempty"`
	// By is who asked for it; empty for a schedule.
	By string `json:"by,omitempty"`
}

// PruneResult says what went and what stayed.
type PruneResult struct {
	Policy  string `json:"policy"`
	DryRun  bool   `json:"dryRun,omitempty"`
	Kept    int    `json:"kept"`
	Deleted int    `json:"deleted"`
	// Keep and Delete name the points with the reason, at most 1,000 of a
	// store: a history has no room for more.
	Keep   []PruneLine `json:"keep"`
	Delete []PruneLine `json:"delete"`
	// Swept is how many abandoned objects and uploads were removed.
	Swept int `json:"swept"`
	// Skipped names the stores that could not be pruned, with the reason.
	Skipped []string `json:"skipped,omitempty"`
}

// PruneLine is one point of a retention plan with the reason.
type PruneLine struct {
	ID     string `json:"id"`
	Store  string `json:"store"`
	Reason string `json:"reason"`
}

// Progress is what a running workflow answers to ProgressQuery.
type Progress struct {
	Phase      string `json:"phase"`
	PartsDone  int    `json:"partsDone"`
	PartsTotal int    `json:"partsTotal"`
	BytesDone  int64  `json:"bytesDone"`
	BytesTotal int64  `json:"bytesTotal"`
}
