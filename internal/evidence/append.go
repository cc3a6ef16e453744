package evidence

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// readme is what a ledger tells a stranger; it is attached to the first entry.
//
//go:embed README.md
var readme []byte

// attempts bounds how often a key is found taken while nothing can be read there.
const attempts = 100

// Entry is what Append is asked to append.
type Entry struct {
	// ID is the entry's unique name. A second Append with the same ID returns the
	// entry that is there.
	ID string
	// Kind is what sort of event it is, Actor who did it, Subject to what.
	Kind, Actor, Subject string
	// Since is a moment before which the entry can't have been appended, such as
	// when the work began that it is about: the ID is looked for from ten minutes
	// before it on. It must be given.
	Since time.Time
	// Attachments are stored before the entry.
	Attachments []Attachment
	// Body is anything that marshals to JSON of up to MaxBody bytes.
	Body any
}

// Attachment is an object to be stored with an entry.
type Attachment struct {
	// Key is its key under evidence/. What stands there is never replaced, so
	// make it unique: by the drill's ID, or by a digest.
	Key string
	// Content is the object, of up to MaxAttachment bytes.
	Content []byte
}

// Append appends an entry and returns it as it stands in the ledger. It is safe
// to repeat, also after an error or a killed process: an entry with the ID is
// returned as it is. An entry of that ID with another kind or subject, or an
// attachment whose key is taken by another content, is fault.Conflict. A ledger
// whose head is not what was signed, or contradicts what is remembered, is
// fault.Corrupt: nothing is appended to it. Without a Signer it is fault.Denied;
// an entry that breaks a limit is fault.Invalid.
//
// What goes wrong once the entry is there (its checkpoint, a copy) is in the
// record's Warnings; the next Append makes up for it.
func (l *Ledger) Append(ctx context.Context, e Entry) (Record, error) {
	r, err := l.prepare(e)
	if err != nil {
		return Record{}, err
	}
	select {
	case l.appending <- struct{}{}:
	case <-ctx.Done():
		return Record{}, ctx.Err()
	}
	r, err = l.append(ctx, r, e)
	if err == nil {
		r.Warnings = l.publish(ctx)
	}
	<-l.appending
	if err != nil {
		return Record{}, fault.While(err, "append %s to the evidence", quoted(e.ID))
	}
	r.Warnings = append(r.Warnings, l.mirrorAll(ctx)...)
	return r, nil
}

// prepare makes a record of an entry and checks all that can be checked beforehand.
func (l *Ledger) prepare(e Entry) (Record, error) {
	s := l.options.Signer
	switch {
	case s == nil:
		return Record{}, fault.New(fault.Denied, "the evidence is open for reading only: there is no key to sign with")
	case l.options.Origin != "" && l.options.Origin != s.Name():
		return Record{}, fault.New(fault.Invalid, "the evidence %s must be signed by a key of its name, not by one of %s", quoted(l.options.Origin), quoted(s.Name()))
	case len(e.Attachments) >= maxAttachments:
		return Record{}, fault.New(fault.Invalid, "the entry has %d attachments, %d are possible", len(e.Attachments), maxAttachments-1)
	case e.Since.IsZero():
		return Record{}, fault.New(fault.Invalid, "an entry needs the moment since when it may have been appended")
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return Record{}, fault.Wrap(fault.Invalid, err, "the entry's body is not JSON")
	}
	r := Record{ID: e.ID, Kind: e.Kind, Actor: e.Actor, Subject: e.Subject, Body: body, Time: stamp(l.options.Now())}
	for _, a := range e.Attachments {
		if a.Key == readmeName {
			return Record{}, fault.New(fault.Invalid, "an attachment can't have the key %s: it is the ledger's own", readmeName)
		}
		r.Attachments = append(r.Attachments, attached(a))
	}
	return r, r.valid()
}

func attached(a Attachment) Attached {
	return Attached{a.Key, seal.SHA256(a.Content), int64(len(a.Content))}
}

// append finds the entry, or appends it, until it has won or found itself.
func (l *Ledger) append(ctx context.Context, r Record, e Entry) (Record, error) {
	stored, blocked := false, 0
	for {
		t, err := l.current(ctx)
		if err != nil {
			return Record{}, err
		}
		found, err := l.find(ctx, t, e.ID, e.Since)
		if err != nil {
			return Record{}, err
		}
		if found != nil {
			return *found, sameEntry(*found, r)
		}
		next := r
		if t.head.size == 0 {
			own := Attachment{readmeName, l.readme}
			next.Attachments = append([]Attached{attached(own)}, r.Attachments...)
			if err := l.begin(ctx, own); err != nil {
				return Record{}, err
			}
		}
		if !stored {
			if err := l.attach(ctx, e.Attachments...); err != nil {
				return Record{}, err
			}
			stored = true
		}
		next, err = l.create(ctx, t, next)
		if !fault.Is(err, fault.Conflict) {
			return next, err
		}
		if there, statErr := l.exists(ctx, t.head.size); statErr != nil || !there {
			if blocked++; blocked == attempts || statErr != nil {
				return Record{}, err
			}
		}
	}
}

// sameEntry refuses an ID that stands for something else.
func sameEntry(found, r Record) error {
	if found.Kind != r.Kind || found.Subject != r.Subject {
		return fault.New(fault.Conflict, "entry %d has the same id, and is of kind %s about %s", found.Seq, quoted(found.Kind), quoted(found.Subject))
	}
	return nil
}

// create tries to be the entry after a state.
func (l *Ledger) create(ctx context.Context, t *tree, r Record) (Record, error) {
	r, data, after, err := t.next(r, l.options.Signer.Name(), l.options.Signer, l.options.Now())
	if err != nil {
		return Record{}, err
	}
	if t.head.note != nil && t.head.origin != after.head.origin {
		return Record{}, fault.New(fault.Invalid, "the ledger is %s, and the key to sign with is one of %s", quoted(t.head.origin), quoted(after.head.origin))
	}
	if r.Seq > maxSeq {
		return Record{}, fault.New(fault.Exhausted, "the ledger is full")
	}
	if err := l.put(ctx, entryKey(r.Seq), data); err != nil {
		return Record{}, err
	}
	l.learn(after, &object{record: r})
	return r, nil
}

// put creates an object, locked where that was asked for.
func (l *Ledger) put(ctx context.Context, key string, data []byte) error {
	opts := store.PutOptions{IfAbsent: true, Estimate: int64(len(data))}
	if l.options.RetainFor > 0 {
		opts.RetainUntil = l.options.Now().Add(l.options.RetainFor)
	}
	_, err := l.store.Put(ctx, key, bytes.NewReader(data), opts)
	return err
}

// begin stores what a ledger has before its first entry: its README, and the
// checkpoint of the empty tree. So its checkpoint is never missing.
func (l *Ledger) begin(ctx context.Context, own Attachment) error {
	if err := l.attach(ctx, own); err != nil {
		return err
	}
	signed, err := l.options.Signer.Sign(checkpointText(l.options.Signer.Name(), 0, emptyRoot()))
	if err != nil {
		return err
	}
	_, err = l.store.Put(ctx, checkpointKey, bytes.NewReader(signed), store.PutOptions{IfAbsent: true, Estimate: int64(len(signed))})
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// attach stores attachments that are not there yet.
func (l *Ledger) attach(ctx context.Context, all ...Attachment) error {
	for _, a := range all {
		err := l.put(ctx, folder+a.Key, a.Content)
		if fault.Is(err, fault.Conflict) {
			err = l.compare(ctx, a)
		}
		if err != nil {
			return fault.While(err, "store %s", quoted(a.Key))
		}
	}
	return nil
}

// compare checks that an attachment is there already with the same content.
func (l *Ledger) compare(ctx context.Context, a Attachment) error {
	digits, size, err := digestOf(ctx, l.store, folder+a.Key)
	if err == nil && (size != int64(len(a.Content)) || digits != seal.SHA256(a.Content)) {
		err = fault.New(fault.Conflict, "another content has this key, and evidence is never replaced: choose another key")
	}
	return err
}
