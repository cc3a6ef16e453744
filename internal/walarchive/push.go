package walarchive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// maxSegment is the largest segment that a cluster can have.
const maxSegment = 1 << 30

// Push stores a file that archive_command is given: a segment, the ".partial"
// last one of a timeline, a backup's or a timeline's history. It returns when
// the file is durable, also when it was stored before with the same contents;
// with others it is fault.Conflict. The first segment makes the archive its
// cluster's; one of another cluster is fault.Conflict. One segment is in memory.
func (a *Archive) Push(ctx context.Context, name string, r io.Reader) error {
	timeline, isHistory := wal.ParseHistoryName(name)
	if isHistory || backupName.MatchString(name) {
		text, err := io.ReadAll(io.LimitReader(r, maxSmall+1))
		switch {
		case err != nil:
			return fault.While(err, "reading %s", name)
		case isHistory:
			return a.StoreHistory(ctx, timeline, text)
		default:
			return a.storeSmall(ctx, name, text)
		}
	}
	room := bytes.NewBuffer(make([]byte, 0, wal.DefaultSegmentSize+bytes.MinRead))
	if _, err := room.ReadFrom(io.LimitReader(r, maxSegment+1)); err != nil {
		return fault.While(err, "reading %s", name)
	}
	data := room.Bytes()
	segment, isPartial := strings.CutSuffix(name, partial)
	s, err := wal.ParseSegment(segment, int64(len(data)))
	if err != nil {
		return err
	}
	if isPartial {
		return a.pushPartial(ctx, s, data)
	}
	return a.pushSegment(ctx, s, data)
}

// scan makes the index of a segment, and the archive that of the segment's cluster.
func (a *Archive) scan(ctx context.Context, s wal.Segment, data []byte) (wal.Index, Cluster, error) {
	size := int64(len(data))
	scanner := wal.NewScanner(s.Start(size), size)
	if err := a.resume(ctx, scanner, s); err != nil {
		return wal.Index{}, Cluster{}, err
	}
	// A scanner takes everything.
	_, _ = scanner.Write(data)
	index := scanner.Cut()
	if index.SystemID == 0 {
		return index, Cluster{}, fault.New(fault.Corrupt, "the first page of %s is none of its WAL", s.Name(size))
	}
	c := Cluster{index.SystemID, size}
	return index, c, a.join(ctx, c)
}

func (a *Archive) pushSegment(ctx context.Context, s wal.Segment, data []byte) error {
	if err := wal.CheckSegment(bytes.NewReader(data), s, int64(len(data)), 0); err != nil {
		return err
	}
	index, c, err := a.scan(ctx, s, data)
	if err != nil {
		return err
	}
	key, err := a.writingKey(ctx)
	if err != nil {
		return err
	}
	name := s.Name(c.SegmentSize)
	l := label{system: c.SystemID, name: name, span: span{0, c.SegmentSize}}
	k, err := a.keep(ctx, a.fileKey(name, key.ending()), l, data, key, nil)
	if errors.Is(err, errUncomparable) {
		// A server that crashed pushes again what was stored already, and has no key to read it.
		if a.indexedAs(ctx, s, index) {
			return nil
		}
		k, err = a.left(ctx, l, data, key)
	}
	if err != nil {
		return err
	}
	if err := a.writeSidecar(ctx, name, sidecarFile{Key: key.id, Bytes: k.bytes, Digest: k.digest, StoredAt: time.Now(), Index: index}); err != nil {
		return err
	}
	return a.deleteChunks(ctx, name)
}

// indexedAs reports whether the segment on the store has the same index: the same
// records' ends, transactions and times of commits.
func (a *Archive) indexedAs(ctx context.Context, s wal.Segment, index wal.Index) bool {
	stored, err := a.storedIndex(ctx, s)
	if err != nil {
		return false
	}
	there, errThere := json.Marshal(stored)
	here, errHere := json.Marshal(index)
	return errThere == nil && errHere == nil && bytes.Equal(there, here)
}

// pushPartial stores the records of a segment that was not filled, as a chunk.
// What is behind them is left from the file's former use.
func (a *Archive) pushPartial(ctx context.Context, s wal.Segment, data []byte) error {
	index, c, err := a.scan(ctx, s, data)
	if err != nil {
		return err
	}
	key, err := a.writingKey(ctx)
	if err != nil {
		return err
	}
	to := int64(index.End - s.Start(c.SegmentSize))
	if to == 0 {
		// The rest of a record that began before, and was never completed.
		return nil
	}
	clear(data[to:])
	if err := checkOpen(data[:to], s, c, io.Discard); err != nil {
		return err
	}
	return a.storeChunk(ctx, label{system: c.SystemID, name: s.Name(c.SegmentSize), span: span{0, to}}, data[:to], key)
}
