package replication

import (
	"context"
	"errors"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// incrementalMajor is the first version with UPLOAD_MANIFEST.
const incrementalMajor = 17

// uploadManifest gives the server the manifest that the next backup of this
// connection is to build on (PostgreSQL manual, UPLOAD_MANIFEST).
func (c *Conn) uploadManifest(ctx context.Context, manifest io.Reader) error {
	if c.major < incrementalMajor {
		return fault.New(fault.Unsupported, "the server is PostgreSQL %s: incremental base backups need version %d or newer", c.version, incrementalMajor)
	}
	summarize, err := c.show(ctx, "summarize_wal")
	if err != nil {
		return err
	}
	if summarize != "on" {
		return fault.New(fault.Invalid, "incremental base backups need summarize_wal = on in postgresql.conf (a reload is enough), and then a full one first")
	}
	const doing = "give the server the manifest of the backup before"
	w, release, err := c.take(ctx, "UPLOAD_MANIFEST")
	if err != nil {
		return err
	}
	defer release()
	err = w.upload(manifest)
	var unread *readError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unread):
		return fault.While(unread.err, "read the manifest of the backup before")
	case state(err) == "":
		c.abandon()
	case state(err) == notInPrerequisite, state(err) == internalError, state(err) == dataCorrupted:
		return fault.Wrap(fault.Lost, err, "%s: no incremental one can be taken on top of it; take a full one", doing)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.classify(err, doing)
}

// readError is an error of the manifest's reader, and not of the connection.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// upload sends a stream as the COPY that the server waits for.
func (w *wire) upload(from io.Reader) error {
	kind, body, err := w.next()
	switch {
	case err != nil:
		return err
	case kind == msgErrorResponse:
		return w.failed(body)
	case kind != msgCopyInResponse:
		return unexpected(kind, "the upload of a manifest")
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(from, buf)
		if n > 0 {
			if _, err := w.conn.Write(frame(msgCopyData, buf[:n])); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			if _, err := w.conn.Write(frame(msgCopyDone, nil)); err != nil {
				return err
			}
			return w.finish()
		case err != nil:
			if _, err := w.conn.Write(frame(msgCopyFail, []byte("the manifest can't be read\x00"))); err != nil {
				return err
			}
			if failed := w.finish(); failed != nil && state(failed) == "" {
				return failed
			}
			return &readError{err}
		}
	}
}
