package walarchive

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// testSize is that of the tests' segments: the smallest there is.
const testSize = 1 << 20

var testCluster = Cluster{SystemID: 7451234567890123456, SegmentSize: testSize}

// log makes WAL as a server writes it: pages with headers, and records of which
// every tenth is a commit.
type log struct {
	cluster  Cluster
	timeline uint32
	start    wal.LSN
	data     []byte
	commits  []time.Time
	random   *rand.Rand
	// dull makes records that compress well, for the vectors.
	dull bool
}

func newLog(timeline uint32, start wal.LSN, seed uint64) *log {
	return &log{cluster: testCluster, timeline: timeline, start: start, random: rand.New(rand.NewPCG(seed, 1))}
}

// upTo makes records until there are so many bytes, of which the last may be in the middle of one.
func (l *log) upTo(n int) []byte {
	for i := 1; len(l.data) < n; i++ {
		if i%10 == 0 {
			l.commit()
			continue
		}
		body := make([]byte, 5+l.random.IntN(3000))
		for j := range body {
			if !l.dull || j < 40 {
				body[j] = byte(l.random.IntN(8))
			}
		}
		body[0] = 254
		binary.LittleEndian.PutUint32(body[1:], uint32(len(body)-5))
		l.record(10, body)
	}
	return l.data[:n]
}

func (l *log) commit() {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(len(l.commits)) * time.Second)
	l.commits = append(l.commits, at)
	body := []byte{255, 8}
	l.record(1, binary.LittleEndian.AppendUint64(body, uint64(at.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Microseconds())))
}

func (l *log) record(manager byte, body []byte) {
	header := make([]byte, 24)
	binary.LittleEndian.PutUint32(header, uint32(24+len(body)))
	binary.LittleEndian.PutUint32(header[4:], uint32(700+len(l.commits)))
	header[17] = manager
	record := slices.Concat(header, body)
	for i := range record {
		l.page(uint32(len(record)-i), i > 0)
		l.data = append(l.data, record[i])
	}
	for len(l.data)%8 != 0 {
		l.data = append(l.data, 0)
	}
}

// page writes a page's header if it is time to.
func (l *log) page(rest uint32, continued bool) {
	if len(l.data)%wal.PageSize != 0 {
		return
	}
	at := uint64(l.start) + uint64(len(l.data))
	h := make([]byte, 24, 40)
	binary.LittleEndian.PutUint16(h, 0xD10D)
	binary.LittleEndian.PutUint32(h[4:], l.timeline)
	binary.LittleEndian.PutUint64(h[8:], at)
	flags := uint16(0)
	if continued {
		flags |= 1
		binary.LittleEndian.PutUint32(h[16:], rest)
	}
	if at%uint64(l.cluster.SegmentSize) == 0 {
		flags |= 2
		h = binary.LittleEndian.AppendUint64(h, l.cluster.SystemID)
		h = binary.LittleEndian.AppendUint32(h, uint32(l.cluster.SegmentSize))
		h = binary.LittleEndian.AppendUint32(h, wal.PageSize)
	}
	binary.LittleEndian.PutUint16(h[2:], flags)
	l.data = append(l.data, h...)
}

// segment is the n-th of the log, filled up with zeros.
func (l *log) segment(n, upTo int) []byte {
	out := make([]byte, testSize)
	copy(out, l.data[n*testSize:min(upTo, len(l.data))])
	return out
}

func (l *log) name(n int) string {
	return wal.SegmentAt(l.timeline, l.start+wal.LSN(n*testSize), testSize).Name(testSize)
}
