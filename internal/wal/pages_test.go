package wal_test

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// newPages is a segment of pages that hold nothing but their headers.
func newPages(segment wal.Segment, size int64, systemID uint64) []byte {
	data := make([]byte, size)
	for at := int64(0); at < size; at += wal.PageSize {
		page := data[at:]
		binary.LittleEndian.PutUint16(page, 0xD110)
		binary.LittleEndian.PutUint32(page[4:], segment.Timeline)
		binary.LittleEndian.PutUint64(page[8:], uint64(segment.Start(size))+uint64(at))
		if at == 0 {
			page[2] = 2
			binary.LittleEndian.PutUint64(page[24:], systemID)
			binary.LittleEndian.PutUint32(page[32:], uint32(size))
			binary.LittleEndian.PutUint32(page[36:], wal.PageSize)
		}
	}
	return data
}

// builder writes records into pages as a server does.
type builder struct {
	data []byte
	at   int
}

func newBuilder(segment wal.Segment, size int64) *builder {
	return &builder{data: newPages(segment, size, 99), at: 40}
}

// add writes a record with main data and returns where it begins and ends.
func (b *builder) add(manager, info byte, xid uint32, data []byte) (start, end int) {
	record := make([]byte, 24, 24+5+len(data))
	binary.LittleEndian.PutUint32(record[4:], xid)
	record[16], record[17] = info, manager
	// An origin, as replicated transactions have one, then the main data.
	record = append(record, 253, 7, 0, 254)
	record = binary.LittleEndian.AppendUint32(record, uint32(len(data)))
	record = append(record, data...)
	binary.LittleEndian.PutUint32(record, uint32(len(record)))
	if b.at%wal.PageSize == 0 {
		b.at += 24
	}
	start = b.at
	b.write(record)
	b.at = (b.at + 7) &^ 7
	return start, b.at
}

// write puts bytes down, going on in the next page where one is full.
func (b *builder) write(record []byte) {
	for len(record) > 0 && b.at < len(b.data) {
		if b.at%wal.PageSize == 0 {
			b.data[b.at+2] |= 1
			binary.LittleEndian.PutUint32(b.data[b.at+16:], uint32(len(record)))
			b.at += 24
		}
		n := min(len(record), wal.PageSize-b.at%wal.PageSize)
		copy(b.data[b.at:], record[:n])
		record = record[n:]
		b.at += n
	}
}

// ended is the main data of a transaction's end.
func ended(at time.Time) []byte {
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return binary.LittleEndian.AppendUint64(nil, uint64(at.Sub(epoch).Microseconds()))
}

var noon = time.Date(2026, 10, 1, 12, 0, 0, 123456000, time.UTC)

// TestScannerGoesOnAfterACrash has a record that its server never finished: the
// next page says that another one begins there.
func TestScannerGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	segment := wal.Segment{Timeline: 1, Number: 4}
	b := newBuilder(segment, size)
	b.add(1, 0x00, 700, ended(noon))
	b.add(10, 0x00, 701, make([]byte, 3*wal.PageSize))
	b.add(1, 0x00, 701, ended(noon.Add(time.Second)))
	// Page 2 is begun anew, with a commit as its first record.
	clear(b.data[2*wal.PageSize+16 : 3*wal.PageSize])
	b.data[2*wal.PageSize+2] = 8
	b.at = 2*wal.PageSize + 24
	start, end := b.add(1, 0x20, 702, ended(noon.Add(2*time.Second)))
	clear(b.data[end:])

	scanner := wal.NewScanner(segment.Start(size), size)
	write(t, scanner, b.data, 1000)
	got := scanner.Cut()
	base := segment.Start(size)
	want := wal.Index{
		Timeline: 1, Start: base, LastRecord: base + wal.LSN(start), End: base + wal.LSN(end), SystemID: 99,
		Commits: 1, FirstCommit: noon, LastCommit: noon, LastEnd: noon.Add(2 * time.Second), MinXID: 700, MaxXID: 702,
	}
	if !equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := scanner.Err(); err != nil {
		t.Errorf("the end of the WAL is an error: %v", err)
	}
}

func equal(a, b wal.Index) bool {
	tails := a.Tail == nil && b.Tail == nil
	return tails && a.Start == b.Start && a.End == b.End && a.LastRecord == b.LastRecord && a.Timeline == b.Timeline &&
		a.SystemID == b.SystemID && a.Commits == b.Commits && a.FirstCommit.Equal(b.FirstCommit) && a.LastCommit.Equal(b.LastCommit) &&
		a.LastEnd.Equal(b.LastEnd) && a.MinXID == b.MinXID && a.MaxXID == b.MaxXID
}

// TestScannerResumes has a commit that begins in one segment and ends in the
// next, longer than what is kept of it.
func TestScannerResumes(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	first := wal.Segment{Timeline: 1, Number: 4}
	for _, length := range []int{20, 4000, 200_000} {
		for _, before := range []int{8, 16, 24, 40, 3000, 100_000} {
			if before >= length+32 {
				continue
			}
			commit := append(ended(noon), make([]byte, length-8)...)
			b := newBuilder(first, size)
			fill(b, size-before)
			start := b.at
			second := newPages(first.Next(), size, 99)
			whole := &builder{data: append(b.data, second...), at: b.at}
			// The second segment's first header is the long one: its page is
			// written by hand below.
			_, end := addAcross(whole, size, commit)
			scanner := wal.NewScanner(first.Start(size), size)
			write(t, scanner, whole.data[:size], 4096)
			index := scanner.Cut()
			if index.Tail == nil || index.Tail.Start != first.Start(size)+wal.LSN(start) {
				t.Errorf("%d of %d bytes before the border: tail %+v", before, length, index.Tail)
				continue
			}
			resumed := wal.NewScanner(first.End(size), size)
			resumed.Resume(index)
			write(t, resumed, whole.data[size:], 4096)
			got := resumed.Cut()
			if got.Commits != 1 || !got.LastCommit.Equal(noon) || got.MaxXID != 800 || got.End != first.Start(size)+wal.LSN(end) {
				t.Errorf("%d of %d bytes before the border: %+v, want it to end at %s", before, length, got, first.Start(size)+wal.LSN(end))
			}
			stranger := wal.NewScanner(first.Next().End(size), size)
			stranger.Resume(index)
			write(t, stranger, newPages(first.Next().Next(), size, 99), 4096)
			if got := stranger.Cut(); got.Commits != 0 || got.Tail != nil {
				t.Errorf("the beginning of a record was taken for another segment: %+v", got)
			}
		}
	}
}

// fill writes records of no interest until the next one would begin at a
// position in the segment, counted as pages lie.
func fill(b *builder, until int) {
	until &^= 7
	if until%wal.PageSize < 24 {
		until -= 24
	}
	for until-b.at > 2*wal.PageSize {
		b.add(10, 0, 1, make([]byte, 1000))
	}
	for b.at < until {
		left := until - b.at
		if page := wal.PageSize - b.at%wal.PageSize; page < left {
			left = page
		}
		// Records of the shortest length, and one that fills the rest.
		if left >= 96 {
			left = 48
		}
		if left < 32 {
			b.at += left
			if b.at%wal.PageSize == 0 {
				b.at += 24
			}
			continue
		}
		b.add(10, 0, 1, make([]byte, left-32))
		if b.at%wal.PageSize == 0 {
			b.at += 24
		}
	}
}

// addAcross adds a commit that crosses from the first segment into the second.
func addAcross(b *builder, size int, data []byte) (start, end int) {
	record := make([]byte, 24, 32+len(data))
	binary.LittleEndian.PutUint32(record[4:], 800)
	record[17] = 1
	record = append(record, 253, 7, 0, 254)
	record = binary.LittleEndian.AppendUint32(record, uint32(len(data)))
	record = append(record, data...)
	binary.LittleEndian.PutUint32(record, uint32(len(record)))
	start = b.at
	for len(record) > 0 {
		if b.at%wal.PageSize == 0 {
			b.data[b.at+2] |= 1
			binary.LittleEndian.PutUint32(b.data[b.at+16:], uint32(len(record)))
			b.at += 24
			if b.at == size+24 {
				b.at += 16
			}
		}
		n := min(len(record), wal.PageSize-b.at%wal.PageSize)
		copy(b.data[b.at:], record[:n])
		record = record[n:]
		b.at += n
	}
	return start, (b.at + 7) &^ 7
}

// FuzzScanner writes any bytes: nothing may panic, and nothing may be kept that grows.
func FuzzScanner(f *testing.F) {
	const size = 1 << 20
	segment := wal.Segment{Timeline: 1, Number: 1}
	b := newBuilder(segment, size)
	b.add(1, 0x00, 700, ended(noon))
	b.add(1, 0xB0, 701, append(ended(noon), 0x1F, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0))
	b.add(0, 0x70, 0, append(ended(noon), make([]byte, 64)...))
	b.add(10, 0, 703, make([]byte, 9000))
	b.add(0, 0x40, 0, nil)
	f.Add(b.data[:3*wal.PageSize], uint16(8192))
	f.Add(b.data[:600], uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, piece uint16) {
		scanner := wal.NewScanner(segment.Start(size), size)
		write(t, scanner, data, int(piece)+1)
		index := scanner.Cut()
		if index.End > 0 && index.LastRecord >= index.End {
			t.Errorf("the last record begins at %s and ends at %s", index.LastRecord, index.End)
		}
		if index.Tail != nil && len(index.Tail.Data) > 64<<10 {
			t.Errorf("%d bytes of a record were kept", len(index.Tail.Data))
		}
		next := wal.NewScanner(segment.Start(size)+wal.LSN(len(data)), size)
		next.Resume(index)
		write(t, next, data, int(piece)+1)
		_ = next.Cut()
		_ = wal.CheckSegment(bytes.NewReader(data), segment, size, 0)
	})
}
