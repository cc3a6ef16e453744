package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func specOf(t *testing.T, p surface.Part) rowsSpec {
	t.Helper()
	spec, err := readRowsSpec(p)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestPlan(t *testing.T) {
	t.Parallel()
	l := limits{single: 100, split: 1000, slice: 500, groupBytes: 100, groupTables: 3}
	list := []table{
		{oid: 1, name: "a", bytes: 10}, {oid: 2, name: "b", bytes: 10}, {oid: 3, name: "c", bytes: 10}, {oid: 4, name: "d"},
		{oid: 5, name: "e", bytes: 60}, {oid: 6, name: "f", bytes: 150, builtin: true}, {oid: 7, name: "g", bytes: 150},
		{oid: 8, name: "h", bytes: 1200, blocks: 10, ranges: true, builtin: true},
		{oid: 9, name: "i", bytes: 5000, builtin: true}, {oid: 10, name: "j", bytes: 400, builtin: true, extension: true},
	}
	parts := plan(list, l, l.binaryAlone)
	var got []string
	seen := map[uint32]int{}
	for _, p := range parts {
		got = append(got, fmt.Sprintf("%s %s %d %s", p.Name, p.Format, p.Estimate, p.Spec))
		for _, oid := range specOf(t, p).OIDs {
			seen[oid]++
		}
	}
	want := []string{
		`t-0001 pgcopy-binary 5000 {"oids":[9]}`,
		`t-0002 pgcopy-binary 480 {"oids":[8],"to":4}`,
		`t-0003 pgcopy-binary 480 {"oids":[8],"from":4,"to":8}`,
		`t-0004 sql 400 {"oids":[10]}`,
		`t-0005 pgcopy-binary 240 {"oids":[8],"from":8}`,
		`t-0006 pgcopy-binary 150 {"oids":[6]}`,
		`t-0007 sql 150 {"oids":[7]}`,
		`t-0008 sql 80 {"oids":[5,1,2]}`,
		`t-0009 sql 10 {"oids":[3,4]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("planned\n%q\nwant\n%q", got, want)
	}
	for _, table := range list {
		if n := seen[table.oid]; n != 1 && table.oid != 8 || n == 0 {
			t.Errorf("table %s is in %d parts", table.name, n)
		}
	}
	slices.Reverse(list)
	for i, p := range plan(list, l, l.binaryAlone) {
		if string(p.Spec) != string(parts[i].Spec) {
			t.Errorf("the same tables in another order give part %s with %s", p.Name, p.Spec)
		}
	}
}

func TestPlanKeepsSpecsSmall(t *testing.T) {
	t.Parallel()
	var list []table
	for i := range 10000 {
		list = append(list, table{oid: 4294900000 + uint32(i), name: fmt.Sprint(i), bytes: 8192})
	}
	for _, p := range plan(list, defaultLimits, defaultLimits.binaryAlone) {
		if len(p.Spec) > 4<<10 {
			t.Fatalf("the spec of part %s has %d bytes", p.Name, len(p.Spec))
		}
	}
}

func TestPageRangesCoverEveryPage(t *testing.T) {
	t.Parallel()
	for _, blocks := range []int64{0, 1, 2, 7, 100, 131072} {
		for _, size := range []int64{1, 8192, 1 << 20, 1 << 40} {
			ranges := pageRanges(table{oid: 1, bytes: blocks * 8192, blocks: blocks}, size)
			next := int64(0)
			for i, r := range ranges {
				if r.From != next || r.To == 0 != (i == len(ranges)-1) {
					t.Fatalf("%d blocks by %d bytes: range %d is %+v", blocks, size, i, r)
				}
				next = r.To
			}
		}
	}
}

func TestBadRowsSpecs(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{``, `[]`, `{}`, `{"oids":[]}`, `{"oids":[-1]}`, `{"oids":[1],"from":-1}`, `{"oids":[1],"from":5,"to":5}`, `{"oids":[1,2],"to":5}`} {
		if _, err := readRowsSpec(surface.Part{Name: "t-0001", Format: FormatSQL, Spec: json.RawMessage(spec)}); err == nil {
			t.Errorf("%s is taken for a description of rows", spec)
		}
	}
	if _, err := readRowsSpec(surface.Part{Format: FormatBinary, Spec: json.RawMessage(`{"oids":[1,2]}`)}); err == nil {
		t.Error("two tables are taken for one binary stream")
	}
}
