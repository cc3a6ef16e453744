// Package drills keeps the records of drills in the evidence ledger, and finds
// them there again. A record is an attachment of the entry that says how the
// drill was judged. What drills there are, and what came of them, is said by the
// ledger's entries alone, all of them proved against its head: they are read
// once and kept in memory, and later only those that were appended since. So
// nobody hides a drill by removing an object, and none is there but those that
// were signed.
package drills

import (
	"context"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// The kinds of a drill's entries.
const (
	KindDeclared = "drill.declared"
	KindJudged   = "drill.judged"
	KindDecided  = "drill.decided"
	KindReminded = "drill.reminded"
	KindTornDown = "drill.torn-down"
	// KindLeftBehind says what could not be removed of a drill's environment.
	KindLeftBehind = "drill.left-behind"
	// KindFinding is a person's decision on a finding.
	KindFinding = "drill.finding"
	// KindConfig is of entries about no drill, but about the plans that are in force on a host.
	KindConfig = "audit.config"
)

// Archive is the drills of one ledger. It may be used by many goroutines.
type Archive struct {
	ledger *evidence.Ledger
	// reading is held, as its one place, by whoever uses folded.
	reading chan struct{}
	folded  folded
}

// Open opens the drills of a ledger. Nothing is read yet.
func Open(ledger *evidence.Ledger) *Archive {
	return &Archive{ledger: ledger, reading: make(chan struct{}, 1), folded: folded{plans: map[string]*history{}, inForce: map[string]map[string]time.Time{}}}
}

// Filed says where in the ledger something is.
type Filed struct {
	Sequence int64 `json:"sequence"`
	// Digest is the SHA-256 of the attached document, in hexadecimal digits.
	Digest string `json:"digest"`
}

// Ref names a drill and who acts.
type Ref struct {
	Plan, ID string
	Actor    string
	// Since is a moment before which nothing of what is filed can have been filed.
	Since time.Time
}

// folder is where the documents of a drill are, below evidence/.
func folder(plan, id string) string { return path.Join("drills", plan, id) }

// Declare files that a drill has begun.
func (a *Archive) Declare(ctx context.Context, r Ref, body any) error {
	_, err := a.file(ctx, r, KindDeclared, "declared", body)
	return fault.While(err, "file the declaration of drill %s", r.ID)
}

// Judge files a record with its reports, by the ends of their names such as
// html. The record is the truth; reports are readable forms of it.
func (a *Archive) Judge(ctx context.Context, r Ref, rec drill.Record, reports map[string][]byte) (Filed, error) {
	text, err := json.MarshalIndent(rec, "", " ")
	if err != nil {
		return Filed{}, fault.Wrap(fault.Internal, err, "encode the record of drill %s", r.ID)
	}
	attached := []evidence.Attachment{attach(r, recordName(rec.Revision), "json", text)}
	for _, ending := range sortedKeys(reports) {
		attached = append(attached, attach(r, "report-"+strconv.Itoa(rec.Revision), ending, reports[ending]))
	}
	filed, err := a.file(ctx, r, KindJudged, "judged-"+strconv.Itoa(rec.Revision), drill.SummaryOf(rec), attached...)
	return Filed{Sequence: filed, Digest: seal.SHA256(text)}, fault.While(err, "file the record of drill %s", r.ID)
}

// attach names a document after its content, too: a step that is done again may
// write another report of the same facts, and nothing in a ledger is overwritten.
func attach(r Ref, name, ending string, content []byte) evidence.Attachment {
	return evidence.Attachment{Key: folder(r.Plan, r.ID) + "/" + name + "-" + seal.SHA256(content)[:8] + "." + ending, Content: content}
}

func recordName(revision int) string { return "record-" + strconv.Itoa(revision) }

// attachedKey is the key of an entry's document, by the name that attach was given.
func attachedKey(entry evidence.Record, r Ref, name string) string {
	for _, attached := range entry.Attachments {
		if strings.HasPrefix(attached.Key, folder(r.Plan, r.ID)+"/"+name+"-") {
			return attached.Key
		}
	}
	return ""
}

// Decide files a person's decision on a drill, or that nobody decided in time.
func (a *Archive) Decide(ctx context.Context, r Ref, decision drill.SignedOff, reports map[string][]byte) (Filed, error) {
	text, err := json.MarshalIndent(decision, "", " ")
	if err != nil {
		return Filed{}, fault.Wrap(fault.Internal, err, "encode the decision on drill %s", r.ID)
	}
	attached := []evidence.Attachment{attach(r, "decision", "json", text)}
	for _, ending := range sortedKeys(reports) {
		attached = append(attached, attach(r, "report-decided", ending, reports[ending]))
	}
	filed, err := a.file(ctx, r, KindDecided, decidedName, decision, attached...)
	return Filed{Sequence: filed, Digest: seal.SHA256(text)}, fault.While(err, "file the decision on drill %s", r.ID)
}

// Note files anything else that happens to a drill; name is unique in the drill.
func (a *Archive) Note(ctx context.Context, r Ref, kind, name string, body any) error {
	_, err := a.file(ctx, r, kind, name, body)
	return fault.While(err, "file a note on drill %s", r.ID)
}

// file appends an entry, once however often it is called.
func (a *Archive) file(ctx context.Context, r Ref, kind, name string, body any, attached ...evidence.Attachment) (int64, error) {
	entry, err := a.ledger.Append(ctx, evidence.Entry{
		ID: entryID(r.Plan, r.ID, name), Kind: kind, Actor: r.Actor, Subject: r.Plan,
		Since: r.Since, Attachments: attached, Body: body,
	})
	return entry.Seq, err
}
