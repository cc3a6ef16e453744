package evidence

import (
	"context"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Proof shows, with a public key and nothing else, that a record is in a ledger.
type Proof struct {
	Record Record `json:"record"`
	// Hashes are the audit path (RFC 6962, section 2.1.1) from the record to the
	// root, in base64.
	Hashes []tlog.Hash `json:"hashes"`
	// Checkpoint is the signed note that has the root.
	Checkpoint string `json:"checkpoint"`
}

// Prove returns an entry with the proof that it is in the ledger, verified. It
// reads as many objects as the logarithm of the ledger. An entry that is not there
// is fault.Missing, one that was altered fault.Corrupt.
func (l *Ledger) Prove(ctx context.Context, seq int64) (Proof, error) {
	t, err := l.current(ctx)
	if err != nil {
		return Proof{}, err
	}
	if seq < 0 || seq >= t.head.size {
		return Proof{}, fault.New(fault.Missing, "there is no entry %d in the evidence: it has %d entries, from 0 on", seq, t.head.size)
	}
	o, err := readObject(ctx, l.store, seq)
	if err != nil {
		return Proof{}, removed(err, seq)
	}
	hashes, err := l.prove(ctx, t, o)
	return Proof{o.record, hashes, string(t.head.note)}, err
}

// prove makes and checks the proof that an object's record is in a tree.
func (l *Ledger) prove(ctx context.Context, t *tree, o *object) (tlog.RecordProof, error) {
	seq := o.record.Seq
	proof, err := tlog.ProveRecord(t.head.size, seq, l.hashes(ctx))
	if err != nil {
		return nil, readError(err)
	}
	if tlog.CheckRecord(proof, t.head.size, t.head.root, seq, tlog.RecordHash(o.line)) != nil {
		return nil, fault.New(fault.Corrupt, "%s can't be proven: it was altered, or one of those it is proven by; run `lifeboat evidence verify`", entryKey(seq))
	}
	return proof, nil
}

// Get returns an entry, proven as Prove does.
func (l *Ledger) Get(ctx context.Context, seq int64) (Record, error) {
	p, err := l.Prove(ctx, seq)
	return p.Record, err
}

// Verify checks the proof with public keys, and returns the one that signed it.
// What isn't proven is fault.Corrupt.
func (p Proof) Verify(publics []string) (signedBy string, err error) {
	c, err := parseCheckpoint([]byte(p.Checkpoint))
	if err == nil {
		signedBy, err = c.verify(publics, "")
	}
	if err != nil {
		return "", err
	}
	line, err := p.Record.encode()
	if err != nil {
		return "", fault.Wrap(fault.Corrupt, err, "the record is not valid")
	}
	if err := tlog.CheckRecord(p.Hashes, c.size, c.root, p.Record.Seq, tlog.RecordHash(line)); err != nil {
		return "", fault.New(fault.Corrupt, "the proof does not lead from the record to the checkpoint")
	}
	return signedBy, nil
}

// Attachment returns an attachment of a record, if it still has the digest that
// the record has of it: another one is fault.Corrupt, as is one that is gone. A
// key that the record doesn't have is fault.Missing. The record itself is taken
// as it is: have it from Get, List or Append.
func (l *Ledger) Attachment(ctx context.Context, r Record, key string) ([]byte, error) {
	i := slices.IndexFunc(r.Attachments, func(a Attached) bool { return a.Key == key })
	if i < 0 {
		return nil, fault.New(fault.Missing, "entry %d has no attachment %s", r.Seq, quoted(key))
	}
	a := r.Attachments[i]
	if err := validAttachments(r.Attachments); err != nil {
		return nil, err
	}
	data, err := store.ReadSmall(ctx, l.store, folder+key, a.Bytes)
	if fault.Is(err, fault.Missing) {
		return nil, fault.New(fault.Corrupt, "%s was removed", folder+key)
	}
	if err == nil && (int64(len(data)) != a.Bytes || seal.SHA256(data) != a.SHA256) {
		err = fault.New(fault.Corrupt, "%s was altered: it is not what entry %d has the digest of", folder+key, r.Seq)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// digestOf reads an object through, in constant memory.
func digestOf(ctx context.Context, st store.Store, key string) (digits string, size int64, err error) {
	body, err := st.Get(ctx, key, 0, -1)
	if err != nil {
		return "", 0, err
	}
	defer body.Close()
	digits, size, err = seal.SHA256Of(body)
	return digits, size, fault.While(err, "reading %s", key)
}
