package wal_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// TestScannerAgreesWithTheServer compares with pg_waldump what is read from WAL
// of a real server whose records cross pages and segments.
func TestScannerAgreesWithTheServer(t *testing.T) {
	t.Parallel()
	for _, mebibytes := range []int{1, 16} {
		t.Run(fmt.Sprintf("segments of %d MiB", mebibytes), func(t *testing.T) {
			t.Parallel()
			pg := cluster(t, mebibytes)
			busy(t, pg, 60)
			s := shipped(t, pg)
			if len(s.endings) < 200 || len(s.points) != 4 {
				t.Fatalf("the server wrote too little: %d endings, %d points", len(s.endings), len(s.points))
			}
			whole := wal.NewScanner(s.start(), s.size)
			write(t, whole, s.data, len(s.data))
			if whole.Err() != nil {
				t.Error(whole.Err())
			}
			want := whole.Cut()
			t.Run("index", func(t *testing.T) { checkIndex(t, s, want) })
			t.Run("transactions", func(t *testing.T) { checkTransactions(t, s) })
			t.Run("pieces", func(t *testing.T) { checkPieces(t, s, want) })
			t.Run("segments", func(t *testing.T) { checkSegments(t, s, want) })
		})
	}
}

func write(t testing.TB, s *wal.Scanner, data []byte, piece int) {
	t.Helper()
	for len(data) > 0 {
		n, err := s.Write(data[:min(piece, len(data))])
		if err != nil || n == 0 {
			t.Fatalf("took %d bytes: %v", n, err)
		}
		data = data[n:]
	}
}

func checkIndex(t *testing.T, s stretch, got wal.Index) {
	want := wal.Index{Timeline: 1, Start: s.start(), LastRecord: s.last, SystemID: got.SystemID, End: got.End, RestorePoints: got.RestorePoints}
	for _, e := range s.endings {
		if e.At.After(want.LastEnd) {
			want.LastEnd = e.At
		}
		if want.MinXID == 0 || (e.XID != 0 && e.XID < want.MinXID) {
			want.MinXID = e.XID
		}
		want.MaxXID = max(want.MaxXID, e.XID)
		if !e.Committed {
			continue
		}
		want.Commits++
		if want.FirstCommit.IsZero() || e.At.Before(want.FirstCommit) {
			want.FirstCommit = e.At
		}
		if e.At.After(want.LastCommit) {
			want.LastCommit = e.At
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// The last record is that of a switch, which fills its segment.
	if int64(got.End)%s.size != 0 || got.End <= got.LastRecord {
		t.Errorf("the last record begins at %s and ends at %s", got.LastRecord, got.End)
	}
	if got.SystemID == 0 {
		t.Error("no system identifier was read")
	}
	if len(got.RestorePoints) != len(s.points) {
		t.Fatalf("restore points %+v, want %+v", got.RestorePoints, s.points)
	}
	for i, point := range got.RestorePoints {
		// Its record is 24 bytes of header, 2 before and 72 of data, rounded up
		// to 104, and a page's header where it crosses one.
		length := point.LSN - s.points[i].LSN
		if point.Name != s.points[i].Name || (length != 104 && length != 128) || time.Since(point.Time).Abs() > time.Hour {
			t.Errorf("restore point %+v, want %+v", point, s.points[i])
		}
	}
}

func checkTransactions(t *testing.T, s stretch) {
	var got []wal.Ending
	collect := func(e wal.Ending) bool { got = append(got, e); return true }
	if err := wal.Transactions(bytes.NewReader(s.data), s.start(), s.size, wal.Index{}, collect); err != nil {
		t.Fatal(err)
	}
	for i, e := range withoutEnds(got) {
		if i >= len(s.endings) || e != s.endings[i] {
			t.Fatalf("transaction %d of %d: got %+v, want %+v", i, len(s.endings), e, s.endings[min(i, len(s.endings)-1)])
		}
		if got[i].End < got[i].Start+34 {
			t.Errorf("transaction %+v ends too early", got[i])
		}
	}
	if len(got) != len(s.endings) {
		t.Errorf("%d transactions, want %d", len(got), len(s.endings))
	}
	count := 0
	stop := func(wal.Ending) bool { count++; return count < 3 }
	if err := wal.Transactions(bytes.NewReader(s.data), s.start(), s.size, wal.Index{}, stop); err != nil || count != 3 {
		t.Errorf("asked to stop after 3 transactions, told %d: %v", count, err)
	}
}

// checkPieces writes the WAL in pieces of many sizes, cutting now and then. Of
// the smallest pieces a few segments have to do.
func checkPieces(t *testing.T, s stretch, want wal.Index) {
	few := s.data[:min(len(s.data), 3<<20)]
	scanner := wal.NewScanner(s.start(), s.size)
	write(t, scanner, few, len(few))
	wantFew := scanner.Cut()
	for _, piece := range []int{1, 5, 24, 97, 4096, 8191, 8192, 131072, 1 << 20} {
		data, want := s.data, want
		if piece < 100 {
			data, want = few, wantFew
		}
		scanner := wal.NewScanner(s.start(), s.size)
		got := wal.Index{Start: s.start(), End: s.start()}
		for len(data) > 0 {
			n := min(len(data), 300_007)
			write(t, scanner, data[:n], piece)
			got = wal.Join(got, scanner.Cut())
			data = data[n:]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in pieces of %d bytes: got  %+v\nwant %+v", piece, got, want)
		}
	}
}

// checkSegments reads every segment by itself, as archive_command hands them over.
func checkSegments(t *testing.T, s stretch, want wal.Index) {
	var before wal.Index
	var endings []wal.Ending
	joined := wal.Index{Start: s.start(), End: s.start()}
	crossing := 0
	for i, segment := range s.segments {
		data := s.data[int64(i)*s.size:][:s.size]
		if err := wal.CheckSegment(bytes.NewReader(data), segment, s.size, want.SystemID); err != nil {
			t.Error(err)
		}
		start := segment.Start(s.size)
		err := wal.Transactions(bytes.NewReader(data), start, s.size, before, func(e wal.Ending) bool {
			if e.Start < start {
				crossing++
			}
			endings = append(endings, e)
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		scanner := wal.NewScanner(start, s.size)
		scanner.Resume(before)
		write(t, scanner, data, 65536)
		before = scanner.Cut()
		joined = wal.Join(joined, reread(t, before))
	}
	t.Logf("%d segments, %d transactions, %d across a border", len(s.segments), len(endings), crossing)
	if !reflect.DeepEqual(withoutEnds(endings), s.endings) {
		t.Errorf("%d transactions of single segments, want %d", len(endings), len(s.endings))
	}
	// A record of another kind that crosses a border is nobody's last record.
	joined.End, joined.LastRecord = want.End, want.LastRecord
	if !reflect.DeepEqual(joined, want) {
		t.Errorf("joined %+v\nwant   %+v", joined, want)
	}
}

// reread sends an index through its JSON.
func reread(t *testing.T, index wal.Index) (back wal.Index) {
	t.Helper()
	text, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, index) {
		t.Errorf("read back %+v\nwant      %+v", back, index)
	}
	return back
}

// TestCheckSegment damages a good segment in every way that a header can tell.
func TestCheckSegment(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	want := wal.Segment{Timeline: 3, Number: 7}
	page := func(data []byte, n int) []byte { return data[n*wal.PageSize:] }
	for name, test := range map[string]struct {
		change func(data []byte) []byte
		kind   fault.Kind
	}{
		"good":                      {func(d []byte) []byte { return d }, ""},
		"zeros after the last page": {func(d []byte) []byte { clear(page(d, 5)); return d }, ""},
		"begun on the timeline before": {func(d []byte) []byte {
			for n := range 4 {
				page(d, n)[4] = 2
			}
			return d
		}, ""},
		"too short":            {func(d []byte) []byte { return d[:size-1] }, fault.Corrupt},
		"nothing":              {func(d []byte) []byte { return nil }, fault.Corrupt},
		"too long":             {func(d []byte) []byte { return append(d, 0) }, fault.Corrupt},
		"all zeros":            {func(d []byte) []byte { clear(d); return d }, fault.Corrupt},
		"a hole":               {func(d []byte) []byte { clear(page(d, 5)[:wal.PageSize]); return d }, fault.Corrupt},
		"a later timeline":     {func(d []byte) []byte { page(d, 9)[4] = 4; return d }, fault.Corrupt},
		"back on the timeline": {func(d []byte) []byte { page(d, 9)[4] = 2; return d }, fault.Corrupt},
		"no timeline":          {func(d []byte) []byte { page(d, 0)[4] = 0; return d }, fault.Corrupt},
		"another position":     {func(d []byte) []byte { page(d, 9)[8+2] ^= 1; return d }, fault.Corrupt},
		"another magic":        {func(d []byte) []byte { page(d, 9)[0] = 0x13; return d }, fault.Corrupt},
		"no magic":             {func(d []byte) []byte { page(d, 0)[1] = 0; return d }, fault.Corrupt},
		"another cluster":      {func(d []byte) []byte { d[24]++; return d }, fault.Corrupt},
		"another segment size": {func(d []byte) []byte { d[34] *= 2; return d }, fault.Corrupt},
		"another page size":    {func(d []byte) []byte { d[37] *= 2; return d }, fault.Unsupported},
		"a short header first": {func(d []byte) []byte { d[2] = 0; return d }, fault.Corrupt},
		"a long header later":  {func(d []byte) []byte { page(d, 3)[2] = 2; return d }, fault.Corrupt},
		"two pages swapped": {func(d []byte) []byte {
			copy(page(d, 20), bytes.Clone(page(d, 21)[:wal.PageSize]))
			return d
		}, fault.Corrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := test.change(newPages(want, size, 99))
			err := wal.CheckSegment(bytes.NewReader(data), want, size, 99)
			if (test.kind == "") != (err == nil) || (err != nil && !fault.Is(err, test.kind)) {
				t.Errorf("error %v, want of kind %q", err, test.kind)
			}
		})
	}
	if err := wal.CheckSegment(bytes.NewReader(newPages(want, size, 99)), want, size, 0); err != nil {
		t.Errorf("any cluster will do: %v", err)
	}
	if err := wal.CheckSegment(bytes.NewReader(newPages(want.Next(), size, 99)), want, size, 99); !fault.Is(err, fault.Corrupt) {
		t.Errorf("the next segment was taken for this one: %v", err)
	}
}
