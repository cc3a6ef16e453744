// Package drills keeps the records of drills in the evidence ledger, and finds
// them there again. A record is an attachment of the entry that says how the
// drill was judged; beside it stands a note of the entry's number, so that one
// drill is found without reading the ledger. The note proves nothing: what is
// read by it is proved against the ledger's head.
package drills

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
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
)

// Archive is the drills of one ledger.
type Archive struct {
	ledger *evidence.Ledger
	store  store.Store
}

// Open opens the drills of the ledger that is on a store.
func Open(st store.Store, ledger *evidence.Ledger) *Archive {
	return &Archive{ledger: ledger, store: st}
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

// root is the folder of all drills on the store.
const root = "evidence/drills/"

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

// file appends an entry, once however often it is called, and notes its number.
func (a *Archive) file(ctx context.Context, r Ref, kind, name string, body any, attached ...evidence.Attachment) (int64, error) {
	entry, err := a.ledger.Append(ctx, evidence.Entry{
		ID: "drill/" + r.Plan + "/" + r.ID + "/" + name, Kind: kind, Actor: r.Actor, Subject: r.Plan,
		Since: r.Since, Attachments: attached, Body: body,
	})
	if err != nil {
		return 0, err
	}
	number := strconv.FormatInt(entry.Seq, 10)
	_, err = a.store.Put(ctx, noteKey(r.Plan, r.ID, name), strings.NewReader(number), store.PutOptions{Estimate: int64(len(number))})
	return entry.Seq, err
}

// noteEnding is of the notes that say which entry a thing has.
const noteEnding = ".entry"

func noteKey(plan, id, name string) string { return root + plan + "/" + id + "/" + name + noteEnding }

// maxNote is how long a note of an entry's number can be.
const maxNote = 32

// entryOf reads the entry that a note names, proved against the head of the ledger.
func (a *Archive) entryOf(ctx context.Context, plan, id, name string) (evidence.Record, error) {
	body, err := a.store.Get(ctx, noteKey(plan, id, name), 0, -1)
	if err != nil {
		return evidence.Record{}, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(io.LimitReader(body, maxNote))
	if err != nil {
		return evidence.Record{}, fault.Wrap(fault.Unavailable, err, "read the note of drill %s", id)
	}
	seq, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil || seq < 0 {
		return evidence.Record{}, fault.New(fault.Corrupt, "the note %s is damaged: it names no entry", noteKey(plan, id, name))
	}
	entry, err := a.ledger.Get(ctx, seq)
	if err != nil {
		return entry, err
	}
	if entry.ID != "drill/"+plan+"/"+id+"/"+name {
		return entry, fault.New(fault.Corrupt, "the note %s names entry %d, which is about something else", noteKey(plan, id, name), seq)
	}
	return entry, nil
}
