package postgres

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The formats of parts.
const (
	// FormatArchive is an archive of pg_dump, for pg_restore.
	FormatArchive = "pgdump-custom"
	// FormatSQL is a script for psql.
	FormatSQL = "sql"
	// FormatBinary is the stream of COPY … (FORMAT binary) of one table. The
	// extension area of its header, which COPY skips, holds the statements
	// that load it, the same as a script of FormatSQL begins with.
	FormatBinary = "pgcopy-binary"
)

// rowsSpec is the Spec of a part with rows.
type rowsSpec struct {
	// OIDs are the tables on the source. A part in FormatBinary has one.
	OIDs []uint32 `json:"oids"`
	// From and To limit the part to pages From ≤ page < To of its one table. A
	// To of 0 means up to the end. Both 0 means the whole table.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
}

func (r rowsSpec) ranged() bool { return r.From != 0 || r.To != 0 }

func readRowsSpec(part surface.Part) (rowsSpec, error) {
	var spec rowsSpec
	if err := json.Unmarshal(part.Spec, &spec); err != nil {
		return spec, fault.Wrap(fault.Corrupt, err, "read the description of part %s", part.Name)
	}
	if len(spec.OIDs) == 0 || spec.From < 0 || spec.To < 0 || spec.To != 0 && spec.To <= spec.From ||
		len(spec.OIDs) != 1 && (spec.ranged() || part.Format == FormatBinary) {
		return spec, fault.New(fault.Corrupt, "the description of part %s makes no sense", part.Name)
	}
	return spec, nil
}

// plan cuts tables into parts: large ones alone, the largest in ranges of
// pages, the many small ones in groups. Rows of a table alone go in binary
// where binary says so: that costs the server a tenth less to write and a
// quarter less to read than text (pgbench's tables, and one of timestamps,
// numerics and jsonb, on PostgreSQL 15). The same tables give the same plan.
func plan(tables []table, l limits, binary func(table) bool) []surface.Part {
	tables = slices.Clone(tables)
	slices.SortStableFunc(tables, func(a, b table) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	var parts []surface.Part
	add := func(format string, estimate int64, spec rowsSpec) {
		text, err := json.Marshal(spec)
		if err != nil {
			panic(err) // numbers always marshal
		}
		parts = append(parts, surface.Part{Role: surface.RoleData, Format: format, Estimate: estimate, Spec: text})
	}
	var group rowsSpec
	var groupBytes int64
	flush := func() {
		if len(group.OIDs) > 0 {
			add(FormatSQL, groupBytes, group)
		}
		group, groupBytes = rowsSpec{}, 0
	}
	for _, t := range tables {
		format := FormatSQL
		if binary(t) {
			format = FormatBinary
		}
		switch {
		case t.bytes >= l.split && t.ranges:
			for _, r := range pageRanges(t, l.slice) {
				add(format, t.bytes/max(1, t.blocks)*(cmp.Or(r.To, t.blocks)-r.From), r)
			}
		case format == FormatBinary || t.bytes >= l.single:
			add(format, t.bytes, rowsSpec{OIDs: []uint32{t.oid}})
		default:
			if len(group.OIDs) == l.groupTables || groupBytes+t.bytes > l.groupBytes {
				flush()
			}
			group.OIDs, groupBytes = append(group.OIDs, t.oid), groupBytes+t.bytes
		}
	}
	flush()
	slices.SortStableFunc(parts, func(a, b surface.Part) int { return cmp.Compare(b.Estimate, a.Estimate) })
	for i := range parts {
		parts[i].Name = fmt.Sprintf("t-%04d", i+1)
	}
	return parts
}

// pageRanges cuts a table into ranges of pages of about size bytes each, the
// last one open at its end: pages may have been added since they were counted.
func pageRanges(t table, size int64) []rowsSpec {
	count := max(1, (t.bytes+size-1)/size)
	step := max(1, (t.blocks+count-1)/count)
	var ranges []rowsSpec
	for from := int64(0); from == 0 || from < t.blocks; from += step {
		ranges = append(ranges, rowsSpec{OIDs: []uint32{t.oid}, From: from, To: from + step})
	}
	ranges[len(ranges)-1].To = 0
	return ranges
}

// binaryAlone is the rule for what goes in binary: tables that are large
// enough to be a part of their own, and whose types allow it.
func (l limits) binaryAlone(t table) bool { return t.builtin && !t.extension && t.bytes >= l.single }
