package walarchive

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// What an unpacker says of data that isn't what was written.
var (
	errTruncated = fault.New(fault.Corrupt, "it was truncated or altered")
	errTooLong   = fault.New(fault.Corrupt, "it holds more than its label says")
)

// object is the plaintext of a stored object, which is read as it comes. Its
// end is io.EOF only if everything was as written; fault.Corrupt otherwise.
type object struct {
	// label says what it holds.
	label label

	key    string
	body   io.ReadCloser
	source *causeKeeper
	plain  *unpacker
}

// open opens an object that must have the label; a span to -1 stands for any.
// The digest, if there is one, is written every stored byte.
func (a *Archive) open(ctx context.Context, key string, want label, digest io.Writer) (*object, error) {
	body, err := a.store.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	o := &object{key: key, body: body, source: &causeKeeper{r: body}}
	if digest != nil {
		o.source.r = io.TeeReader(body, digest)
	}
	if err := a.begin(ctx, o, want); err != nil {
		return nil, cmp.Or(o.fault(err), body.Close())
	}
	return o, nil
}

func (a *Archive) begin(ctx context.Context, o *object, want label) (err error) {
	var opened io.Reader = o.source
	if strings.HasSuffix(o.key, encrypted) {
		if opened, err = a.decrypt(ctx, o.source); err != nil {
			return err
		}
	}
	if o.label, err = readLabel(opened); err != nil {
		return err
	}
	if err := o.label.check(want); err != nil {
		return err
	}
	o.plain = newUnpacker(opened, o.label.to-o.label.from)
	return nil
}

// Read implements io.Reader.
func (o *object) Read(b []byte) (int, error) {
	n, err := o.plain.Read(b)
	if err != nil && err != io.EOF {
		err = o.fault(err)
	}
	return n, err
}

// fault says what is wrong with the object: what reading it failed with, if it
// did, for that is the cause of whatever the decoders say.
func (o *object) fault(err error) error {
	var classified *fault.Error
	switch {
	case o.source.err != nil:
		err = o.source.err
	case !errors.As(err, &classified):
		err = fault.Wrap(fault.Corrupt, err, "it was altered")
	}
	return fault.While(err, "%s", path.Base(o.key))
}

// Close ends the reading.
func (o *object) Close() error { return cmp.Or(o.plain.Close(), o.body.Close()) }

// causeKeeper remembers what its reader failed with.
type causeKeeper struct {
	r   io.Reader
	err error
}

func (k *causeKeeper) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	if err != nil && err != io.EOF {
		k.err = err
	}
	return n, err
}
