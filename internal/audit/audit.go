// Package audit keeps the log of who changed what: one JSON object per line, in
// a file that is only ever appended to.
package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Results of an entry.
const (
	// Accepted means that the work was started; how it ends stands in its workflow.
	Accepted = "accepted"
	// Done means that the change was made.
	Done = "done"
	// Refused means that whoever asked may not, or could not be recognised.
	Refused = "refused"
	// Failed means that it was permitted and did not come about.
	Failed = "failed"
)

// Entry is one line of the log. It holds no secret.
type Entry struct {
	Time time.Time `json:"time"`
	// Actor is the id of the API key, or "user:NAME" on the command line; empty when nobody was recognised.
	Actor string `json:"actor"`
	Role  string `json:"role,omitempty"`
	// Action is what was asked for, such as snapshot.create.
	Action string `json:"action"`
	// Target is what it was asked for: a surface, a point, a key.
	Target string `json:"target,omitempty"`
	// Result is Accepted, Done, Refused or Failed.
	Result string `json:"result"`
	// Detail says more in one line: the problem, or how it was asked.
	Detail string `json:"detail,omitempty"`
	// WorkflowID names the run that does the work.
	WorkflowID string `json:"workflowId,omitempty"`
	RequestID  string `json:"requestId,omitempty"`
	// Remote is the network address of the client.
	Remote string `json:"remote,omitempty"`
	// Suppressed is how many refusals before this one were not written, to bound the log.
	Suppressed int `json:"suppressed,omitempty"`
}

// Log appends entries to a file, and repeats them on a logger.
type Log struct {
	path   string
	logger *slog.Logger
	now    func() time.Time

	mu       sync.Mutex
	refusals budget
}

// Open makes the file with its folder where they are missing, and reports
// whether it can be written to.
func Open(path string, logger *slog.Logger) (*Log, error) {
	l := &Log{path: path, logger: logger, now: time.Now}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "make the folder of the audit log")
	}
	if err := l.write(nil); err != nil {
		return nil, err
	}
	return l, nil
}

// Record writes an entry, with the present time unless it has one. It returns when the line is on
// disk. Of refusals it writes ten at once and then one a second, and counts the others.
func (l *Log) Record(ctx context.Context, e Entry) error {
	if e.Time.IsZero() {
		e.Time = l.now().UTC()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Result == Refused {
		if !l.refusals.take(e.Time) {
			return nil
		}
		e.Suppressed = l.refusals.spent()
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode an audit entry")
	}
	l.logger.InfoContext(ctx, "audit", "actor", e.Actor, "role", e.Role, "action", e.Action, "target", e.Target,
		"result", e.Result, "detail", e.Detail, "workflowId", e.WorkflowID, "requestId", e.RequestID, "remote", e.Remote)
	return l.write(append(line, '\n'))
}

// write opens the file anew each time, so that it may be rotated by renaming.
func (l *Log) write(line []byte) error {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "open the audit log")
	}
	_, err = f.Write(line)
	if err == nil && len(line) > 0 {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return fault.Wrap(fault.Unavailable, err, "write the audit log")
}

// The budget for refusals: how many at once, and how soon another one may follow.
const (
	refusalBurst = 10
	refusalEvery = time.Second
)

// budget lets a burst through, then one per interval, and counts the rest.
type budget struct {
	free    int
	since   time.Time
	skipped int
}

func (b *budget) take(now time.Time) bool {
	if b.since.IsZero() {
		b.free, b.since = refusalBurst, now
	}
	if earned := int(now.Sub(b.since) / refusalEvery); earned > 0 {
		b.free = min(refusalBurst, b.free+earned)
		b.since = now
	}
	if b.free == 0 {
		b.skipped++
		return false
	}
	b.free--
	return true
}

// spent returns how many were not let through since the last call.
func (b *budget) spent() int {
	n := b.skipped
	b.skipped = 0
	return n
}
