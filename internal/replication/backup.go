package replication

import (
	"bytes"
	"encoding/binary"
	"io"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// backup is one BASE_BACKUP.
type backup struct {
	*wire
	sink   BaseSink
	result BaseResult
	// out is where archive or manifest data goes now; sinkErr is why the sink wants no more.
	out     io.Writer
	sinkErr error
	started bool
}

// remarks is how many lines of what the server says are kept.
const remarks = 100

func (b *backup) remark(said *pgconn.PgError) {
	if len(b.result.Warnings) < remarks {
		b.result.Warnings = append(b.result.Warnings, said.Message)
	}
}

func (b *backup) run() error {
	var start BaseStart
	var err error
	if start.Start, start.Timeline, err = b.place(); err != nil {
		return err
	}
	if err := b.rows(msgCopyOutResponse, start.tablespace); err != nil {
		return err
	}
	b.started = true
	b.result.Start, b.result.Timeline, b.result.Tablespaces = start.Start, start.Timeline, start.Tablespaces
	if b.sinkErr = b.sink.Begin(start); b.sinkErr != nil {
		return b.sinkErr
	}
	if err := b.copy(); err != nil {
		return err
	}
	if b.result.Stop, b.result.StopTimeline, err = b.place(); err != nil {
		return err
	}
	err = b.finish()
	if state(err) == dataCorrupted {
		b.result.ChecksumFailures, b.result.Warnings = b.result.Warnings, nil
		if len(b.result.ChecksumFailures) == 0 {
			b.result.ChecksumFailures = []string{err.Error()}
		}
		return nil
	}
	return err
}

// rows reads the rows of a result up to the message that ends it.
func (b *backup) rows(end byte, each func([]byte) error) error {
	for {
		kind, body, err := b.next()
		if err != nil {
			return err
		}
		switch kind {
		case end:
			return nil
		case msgRowDescription, msgCommandComplete:
		case msgDataRow:
			if err := each(body); err != nil {
				return err
			}
		case msgErrorResponse:
			return b.failed(body)
		default:
			return unexpected(kind, "a base backup")
		}
	}
}

// place reads a result of one position.
func (b *backup) place() (at wal.LSN, tli uint32, err error) {
	err = b.rows(msgCommandComplete, func(body []byte) error {
		values, err := row(body, 2)
		if err == nil {
			at, tli, err = position(values[0], values[1])
		}
		return err
	})
	if err == nil && tli == 0 {
		err = fault.New(fault.Unsupported, "the server did not say where the backup is in its WAL")
	}
	return at, tli, err
}

func (s *BaseStart) tablespace(body []byte) error {
	values, err := row(body, 3)
	if err != nil {
		return err
	}
	var t Tablespace
	if values[2] != nil {
		size, err := strconv.ParseInt(string(values[2]), 10, 53)
		if err != nil {
			return fault.Wrap(fault.Unsupported, err, "read the size of a tablespace")
		}
		t.Bytes = size << 10
	}
	s.Estimate += t.Bytes
	if values[0] == nil {
		return nil
	}
	oid, err := strconv.ParseUint(string(values[0]), 10, 32)
	t.OID, t.Location = uint32(oid), string(values[1])
	s.Tablespaces = append(s.Tablespaces, t)
	return fault.Wrap(fault.Unsupported, err, "read the OID of a tablespace")
}

// copy hands on the archives and the manifest.
func (b *backup) copy() error {
	for {
		kind, body, err := b.next()
		switch {
		case err != nil:
			return err
		case kind == msgCopyDone:
			return nil
		case kind == msgErrorResponse:
			return b.failed(body)
		case kind != msgCopyData || len(body) == 0:
			return unexpected(kind, "a base backup")
		}
		if err := b.data(body[0], body[1:]); err != nil {
			return err
		}
	}
}

// data handles one message within the COPY (PostgreSQL manual, BASE_BACKUP).
func (b *backup) data(kind byte, body []byte) error {
	switch kind {
	case 'd':
		if b.out == nil {
			return unexpected(kind, "a base backup")
		}
		_, b.sinkErr = b.out.Write(body)
	case 'n':
		names := bytes.SplitN(body, []byte{0}, 3)
		if len(names) != 3 {
			return unexpected(kind, "a base backup")
		}
		b.out, b.sinkErr = b.sink.Archive(string(names[0]), string(names[1]))
	case 'm':
		b.out, b.sinkErr = b.sink.Manifest()
	case 'p':
		if len(body) < 8 {
			return unexpected(kind, "a base backup")
		}
		b.sink.Progress(int64(binary.BigEndian.Uint64(body)))
	default:
		return fault.New(fault.Unsupported, "the server sent message %q within a base backup, which no known PostgreSQL sends", kind)
	}
	return b.sinkErr
}
