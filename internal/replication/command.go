package replication

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// System is what IDENTIFY_SYSTEM says.
type System struct {
	// ID is the cluster's identity, which copies of it share.
	ID uint64
	// Timeline is the current one; At is how far its WAL is flushed on this server.
	Timeline uint32
	At       wal.LSN
}

// Identify asks which cluster this is and how far it has come.
func (c *Conn) Identify(ctx context.Context) (System, error) {
	values, err := c.ask(ctx, "IDENTIFY_SYSTEM", 3)
	if err != nil {
		return System{}, c.classify(err, "identify the server")
	}
	var s System
	if s.ID, err = strconv.ParseUint(string(values[0]), 10, 64); err != nil {
		return System{}, fault.Wrap(fault.Unsupported, err, "read the system identifier")
	}
	if s.Timeline, err = timeline(values[1]); err != nil {
		return System{}, err
	}
	s.At, err = wal.ParseLSN(string(values[2]))
	return s, fault.While(err, "identify the server")
}

// SegmentSize is the size of the cluster's WAL segments in bytes.
func (c *Conn) SegmentSize(ctx context.Context) (int64, error) {
	text, err := c.show(ctx, "wal_segment_size")
	if err != nil {
		return 0, err
	}
	number, unit := strings.TrimRight(text, "kMGB"), strings.TrimLeft(text, "0123456789")
	size, err := strconv.ParseInt(number, 10, 32)
	scale := map[string]int64{"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[unit]
	if err != nil || !wal.ValidSegmentSize(size*scale) {
		return 0, fault.New(fault.Unsupported, "the server's WAL segments are of %q", text)
	}
	return size * scale, nil
}

// History is the content of a timeline's history file. Timeline 1 has none:
// that is Missing, as is any other that the server does not have.
func (c *Conn) History(ctx context.Context, id uint32) ([]byte, error) {
	if id <= 1 {
		return nil, fault.New(fault.Missing, "timeline %d has no history", id)
	}
	doing := fmt.Sprintf("read the history of timeline %d", id)
	values, err := c.ask(ctx, fmt.Sprintf("TIMELINE_HISTORY %d", id), 2)
	if state(err) == undefinedFile {
		return nil, fault.Wrap(fault.Missing, err, "%s", doing)
	}
	if err != nil {
		return nil, c.classify(err, doing)
	}
	return values[1], nil
}

// show is the value of a setting as the server spells it.
func (c *Conn) show(ctx context.Context, setting string) (string, error) {
	values, err := c.ask(ctx, "SHOW "+setting, 1)
	if err != nil {
		return "", c.classify(err, "read the server's "+setting)
	}
	return string(values[0]), nil
}

// ask sends a command and returns the one row it answers with, of at least so many columns.
func (c *Conn) ask(ctx context.Context, command string, columns int) ([][]byte, error) {
	results, err := c.conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) == 0 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) < columns {
		return nil, fault.New(fault.Unsupported, "the server's answer to a replication command is none that PostgreSQL gives")
	}
	return results[0].Rows[0], nil
}

func timeline(text []byte) (uint32, error) {
	id, err := strconv.ParseUint(string(text), 10, 32)
	return uint32(id), fault.Wrap(fault.Unsupported, err, "read the number of a timeline")
}

// position reads a position and a timeline, as a row of two columns has them.
func position(at, id []byte) (wal.LSN, uint32, error) {
	lsn, err := wal.ParseLSN(string(at))
	if err != nil {
		return 0, 0, fault.Wrap(fault.Unsupported, err, "read a position that the server sent")
	}
	tli, err := timeline(id)
	return lsn, tli, err
}
