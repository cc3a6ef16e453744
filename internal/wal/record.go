package wal

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Sizes of XLogRecord, and the ids of what may stand before its main data.
const (
	recordHeader = 24
	// maxRecordLength is above what PostgreSQL writes (XLogRecordMaxSize is 1020 MiB).
	maxRecordLength = 1 << 30

	idDataShort   = 255
	idDataLong    = 254
	idOrigin      = 253
	idTopLevelXID = 252
)

// Resource managers and their record types.
const (
	managerXLOG = 0
	managerXact = 1

	xlogSwitch       = 0x40
	xlogRestorePoint = 0x70
	xlogMask         = 0xF0

	xactCommit         = 0x00
	xactAbort          = 0x20
	xactCommitPrepared = 0x30
	xactAbortPrepared  = 0x40
	xactMask           = 0x70
	xactHasInfo        = 0x80
)

// Flags of a transaction's end that say what its record carries (access/xact.h).
const (
	hasDatabase     = 1 << 0
	hasSubxacts     = 1 << 1
	hasRelations    = 1 << 2
	hasInvalidation = 1 << 3
	hasTwoPhase     = 1 << 4
	hasDroppedStats = 1 << 8
)

// indexed reports whether a record of this kind is told in an Index.
func indexed(manager, info byte) bool {
	switch manager {
	case managerXact:
		switch info & xactMask {
		case xactCommit, xactAbort, xactCommitPrepared, xactAbortPrepared:
			return true
		}
	case managerXLOG:
		return info&xlogMask == xlogRestorePoint
	}
	return false
}

// mainData finds a record's main data: nil where the record is cut off before
// it, or carries page images, which records that are indexed never do.
func mainData(record []byte) []byte {
	b := record[recordHeader:]
	for len(b) > 0 {
		var skip int
		switch b[0] {
		case idDataShort:
			skip = 2
		case idDataLong:
			skip = 5
		case idOrigin:
			skip = 3
		case idTopLevelXID:
			skip = 5
		default:
			return nil
		}
		if len(b) < skip {
			return nil
		}
		if b[0] == idDataShort || b[0] == idDataLong {
			return b[skip:]
		}
		b = b[skip:]
	}
	return nil
}

// readEnding reads the end of a transaction; magic is that of the page. ok is
// false for a record that is too short to be one.
func readEnding(record []byte, magic uint16) (ending Ending, ok bool) {
	data := mainData(record)
	if len(data) < 8 {
		return Ending{}, false
	}
	info := record[16]
	operation := info & xactMask
	ending = Ending{
		XID:       binary.LittleEndian.Uint32(record[4:]),
		At:        postgresTime(data),
		Committed: operation == xactCommit || operation == xactCommitPrepared,
	}
	if operation == xactCommitPrepared || operation == xactAbortPrepared {
		ending.XID = preparedXID(data[8:], info, magic)
	}
	return ending, true
}

// preparedXID finds the transaction that a COMMIT PREPARED or ROLLBACK PREPARED
// ended. It is 0 in a record that is longer than what the scanner keeps.
func preparedXID(data []byte, info byte, magic uint16) uint32 {
	if info&xactHasInfo == 0 || len(data) < 4 {
		return 0
	}
	flags := binary.LittleEndian.Uint32(data)
	data = data[4:]
	if flags&hasDatabase != 0 {
		data = data[min(8, len(data)):]
	}
	statsItem := 12
	if magic >= magic18 {
		statsItem = 16
	}
	// Lists in the order in which they are written, each behind its count.
	for _, list := range []struct {
		flag uint32
		item int
	}{{hasSubxacts, 4}, {hasRelations, 12}, {hasDroppedStats, statsItem}, {hasInvalidation, 16}} {
		if flags&list.flag == 0 {
			continue
		}
		if len(data) < 4 {
			return 0
		}
		size := 4 + int64(binary.LittleEndian.Uint32(data))*int64(list.item)
		if size > int64(len(data)) {
			return 0
		}
		data = data[size:]
	}
	if flags&hasTwoPhase == 0 || len(data) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(data)
}

// readRestorePoint reads a restore point: its time, and its name in 64 bytes.
func readRestorePoint(record []byte) (RestorePoint, bool) {
	data := mainData(record)
	if len(data) < 8+64 {
		return RestorePoint{}, false
	}
	name, _, _ := bytes.Cut(data[8:8+64], []byte{0})
	return RestorePoint{Name: string(name), Time: postgresTime(data)}, true
}

// postgresTime reads microseconds since 2000-01-01 UTC.
func postgresTime(b []byte) time.Time {
	const epoch = 946684800 // 2000-01-01 in Unix seconds
	micros := int64(binary.LittleEndian.Uint64(b))
	seconds, rest := micros/1e6, micros%1e6
	return time.Unix(epoch+seconds, rest*1000).UTC()
}
