package wal_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

func TestLSN(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]wal.LSN{
		"0/0": 0, "0/3000060": 0x3000060, "16/B374D848": 0x16B374D848, "FFFFFFFF/FFFFFFFF": ^wal.LSN(0), "A/0": 0xA00000000,
	} {
		got, err := wal.ParseLSN(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s is %d, %v, written %s", text, got, err, got)
		}
		encoded, err := json.Marshal(want)
		if err != nil || string(encoded) != `"`+text+`"` {
			t.Errorf("%s is %s in JSON, %v", text, encoded, err)
		}
		var back wal.LSN
		if err := json.Unmarshal(encoded, &back); err != nil || back != want {
			t.Errorf("%s comes back as %s, %v", text, back, err)
		}
	}
	if got, err := wal.ParseLSN("16/b374d848"); err != nil || got != 0x16B374D848 {
		t.Errorf("lower case: %s, %v", got, err)
	}
	for _, text := range []string{"", "/", "0", "0/", "/0", "0/0/0", "0/123456789", "g/0", "-1/0", "+1/0", "0/1_0", " 0/0", "0x1/0"} {
		if got, err := wal.ParseLSN(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q is %s, %v", text, got, err)
		}
		var at wal.LSN
		if err := at.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was unmarshalled", text)
		}
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		size    int64
		segment wal.Segment
		start   wal.LSN
	}{
		{"000000010000000000000001", 16 << 20, wal.Segment{Timeline: 1, Number: 1}, 0x1000000},
		{"0000000100000000000000FF", 16 << 20, wal.Segment{Timeline: 1, Number: 255}, 0xFF000000},
		{"000000010000000100000000", 16 << 20, wal.Segment{Timeline: 1, Number: 256}, 0x100000000},
		{"0000000A00000016000000B3", 16 << 20, wal.Segment{Timeline: 10, Number: 0x16B3}, 0x16B3000000},
		{"000000010000000100000FFF", 1 << 20, wal.Segment{Timeline: 1, Number: 8191}, 0x1FFF00000},
		{"000000010000000200000003", 1 << 30, wal.Segment{Timeline: 1, Number: 11}, 0x2C0000000},
	} {
		got, err := wal.ParseSegment(test.name, test.size)
		if err != nil || got != test.segment || got.Name(test.size) != test.name {
			t.Errorf("%s is %+v, %v, written %s", test.name, got, err, got.Name(test.size))
		}
		if start, end := got.Start(test.size), got.End(test.size); start != test.start || end != test.start+wal.LSN(test.size) {
			t.Errorf("%s is from %s to %s", test.name, start, end)
		}
		for _, at := range []wal.LSN{test.start, test.start + 1, test.start + wal.LSN(test.size) - 1} {
			if in := wal.SegmentAt(test.segment.Timeline, at, test.size); in != test.segment {
				t.Errorf("%s is in %+v", at, in)
			}
		}
		if next := got.Next(); next != wal.SegmentAt(got.Timeline, got.End(test.size), test.size) {
			t.Errorf("%+v follows %+v", next, got)
		}
	}
	for name, size := range map[string]int64{
		"":                                 16 << 20,
		"00000001000000000000000":          16 << 20,
		"0000000100000000000000011":        16 << 20,
		"00000001000000000000000G":         16 << 20,
		"0000000100000000000000ff":         16 << 20, // lower case
		"000000010000000000000100":         16 << 20, // 256 segments of 16 MiB are 4 GiB
		"000000000000000000000001":         16 << 20, // timeline 0
		"000000010000000000000001.partial": 16 << 20,
		"00000002.history":                 16 << 20,
		"000000010000000000000001":         3 << 20,
		"000000010000000000000002":         1 << 19,
		"000000010000000000000003":         2 << 30,
		"000000010000000000000004":         0,
	} {
		if got, err := wal.ParseSegment(name, size); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q of %d bytes is %+v, %v", name, size, got, err)
		}
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	text := "1\t0/A000198\tno recovery target specified\n\n# a comment\n2\t0/B000000\tbefore 2026-10-01 12:00:00+00\n 4 1/0\n"
	got, err := wal.ParseHistory(5, []byte(text))
	want := wal.History{
		{Timeline: 1, End: 0xA000198, Reason: "no recovery target specified"},
		{Timeline: 2, End: 0xB000000, Reason: "before 2026-10-01 12:00:00+00"},
		{Timeline: 4, End: 0x100000000},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if parent, ok := got.Parent(); !ok || parent != want[2] {
		t.Errorf("parent %+v, %v", parent, ok)
	}
	if left, ok := got.Left(2); !ok || left != 0xB000000 {
		t.Errorf("timeline 2 was left at %s, %v", left, ok)
	}
	if _, ok := got.Left(3); ok {
		t.Error("timeline 3 is an ancestor")
	}
	if first, err := wal.ParseHistory(1, nil); err != nil || len(first) != 0 {
		t.Errorf("timeline 1: %+v, %v", first, err)
	}
	if _, ok := (wal.History)(nil).Parent(); ok {
		t.Error("timeline 1 has a parent")
	}
	for _, text := range []string{
		"", "# nothing\n", "1\n", "x\t0/1\n", "1\t01\n", "0\t0/1\n", "5\t0/1\n", "6\t0/1\n",
		"2\t0/1\n1\t0/2\n", "1\t0/1\n1\t0/2\n", "1\t0/3\n2\t0/2\n", "-1\t0/1\n", "4294967297\t0/1\n",
	} {
		if got, err := wal.ParseHistory(5, []byte(text)); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
}

func TestHistoryName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]uint32{"00000002.history": 2, "0000001F.history": 31, "FFFFFFFF.history": ^uint32(0)} {
		if got, ok := wal.ParseHistoryName(name); !ok || got != want || wal.HistoryName(got) != name {
			t.Errorf("%s is %d, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", ".history", "2.history", "0000001f.history", "00000000.history", "00000002", "00000002.historyx", "000000021.history"} {
		if got, ok := wal.ParseHistoryName(name); ok {
			t.Errorf("%q is %d", name, got)
		}
	}
}
