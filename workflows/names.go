// Package workflows orchestrates: which step comes when, how often it is tried
// and what happens when it fails for good. It touches nothing itself.
package workflows

import "go.temporal.io/sdk/temporal"

// TaskQueue is where every worker takes workflows and the steps that any worker can do.
const TaskQueue = "lifeboat"

// HostTaskQueue is where the steps go that must run on one host, because a
// restored server or a scratch file lives there.
func HostTaskQueue(host string) string { return TaskQueue + "-host-" + host }

// The names under which the workflows are registered.
const (
	SnapshotName = "Snapshot"
	VerifyName   = "Verify"
	RestoreName  = "Restore"
	PruneName    = "Prune"
	StreamName   = "Stream"
	RecoverName  = "Recover"
	RemoveName   = "Remove"
	RewindName   = "Rewind"
	DrillName    = "Drill"
	// HousekeepName is no operation that anybody asks for.
	HousekeepName = "Housekeep"
	// WatchName looks at how everything stands; there is one run of it.
	WatchName = "Watch"
	// NotifyName keeps one channel told of alerts.
	NotifyName = "Notify"
)

// WatchID is the ID of the one run of Watch in a namespace.
const WatchID = "watch"

// The kinds of recovery points.
const (
	KindSnapshot = "snapshot"
	KindBase     = "base"
)

// Operations, as the search attribute and the audit log name them.
const (
	OperationSnapshot = "snapshot"
	OperationVerify   = "verify"
	OperationRestore  = "restore"
	OperationPrune    = "prune"
	OperationWAL      = "wal"
	OperationRecover  = "recover"
	OperationRemove   = "remove"
	OperationRewind   = "rewind"
	OperationDrill    = "drill"
	// OperationHousekeeping begins workflow IDs alone: it is not listed among the operations.
	OperationHousekeeping = "housekeeping"
	// OperationNotify is of the runs that keep channels told of alerts, one for a channel at most.
	OperationNotify = "notify"
)

// Search attributes. Temporal's SQL visibility has room for ten keywords, so
// Lifeboat takes four.
var (
	AttrSurface   = temporal.NewSearchAttributeKeyKeyword("LifeboatSurface")
	AttrOperation = temporal.NewSearchAttributeKeyKeyword("LifeboatOperation")
	AttrPoint     = temporal.NewSearchAttributeKeyKeyword("LifeboatPoint")
	AttrVerdict   = temporal.NewSearchAttributeKeyKeyword("LifeboatVerdict")
)

// Memo keys.
const (
	MemoPoint     = "point"
	MemoTrigger   = "trigger"
	MemoRequest   = "request"
	MemoRequester = "requester"
)

// Verdicts, as the search attribute shows them while and after a run.
const (
	VerdictRunning = "running"
	VerdictDone    = "done"
	VerdictFailed  = "failed"
	// VerdictAlarm is of a run without end that can't do its work at the moment.
	VerdictAlarm = "alarm"
)

// ProgressQuery is the query that every workflow answers with its Progress.
const ProgressQuery = "progress"

// SearchAttributes are those that a namespace must know.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{AttrSurface, AttrOperation, AttrPoint, AttrVerdict}
}
