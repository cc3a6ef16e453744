package postgres

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// readAll reads a script as Load does: its statements, with the rows that follow COPY.
func readAll(s *script) (list []string, err error) {
	for {
		sql, err := s.next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, sql)
		if _, ok := parseCopy(sql); ok {
			rows, err := io.ReadAll(s.rows())
			if err != nil {
				return list, err
			}
			list = append(list, string(rows))
		}
	}
}

func TestScriptIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	names := []string{`"s"."t"`, `"a;b"."c""d"`, "\"two\nlines\"." + `"\."`, "\"x\n\\.\n\"." + `"it's -- no comment"`, "\"caf\xe9\".\"\xff\""}
	rows := []string{"", "\n", "a\tb\n\\N\\.\n", "\\\\.\n", strings.Repeat("x", 3*wireBuffer) + "\n", strings.Repeat("\\.x\n", wireBuffer)}
	var text strings.Builder
	var want []string
	text.WriteString(strings.ReplaceAll(scriptHead, "%s", "UTF8"))
	for _, name := range names {
		for _, r := range rows {
			for _, columns := range []string{"", `"a"`, `"a;""b""","c)"`} {
				statement := table{sql: name, columns: columns}.copyFrom(false)
				text.WriteString("\n" + statement + r + endOfRows)
				want = append(want, strings.TrimSuffix(statement, ";\n"), r)
			}
		}
	}
	for name, reader := range map[string]io.Reader{
		"at once": strings.NewReader(text.String()), "in halves": iotest.HalfReader(strings.NewReader(text.String())), "with its end": iotest.DataErrReader(strings.NewReader(text.String())),
	} {
		got, err := readAll(newScript(reader))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, sql := range got[:8] {
			if !setStatement.MatchString(sql) {
				t.Errorf("%s: statement %d of the head is %q", name, i, sql)
			}
		}
		if !slices.Equal(got[8:], want) {
			t.Errorf("%s: read something else than was written", name)
		}
	}
}

func TestScriptsThatAreCut(t *testing.T) {
	t.Parallel()
	whole := "SET search_path = '';\n\n" + table{sql: `"s"."t"`, columns: `"a"`}.copyFrom(false) + "1\n2\n" + endOfRows
	for n := range len(whole) {
		if n == 0 || whole[n-1] == '\n' && n <= 23 {
			continue // ends between statements: an archive reader tells that
		}
		if _, err := readAll(newScript(strings.NewReader(whole[:n]))); !fault.Is(err, fault.Corrupt) {
			t.Errorf("cut after %q: %v", whole[:n], err)
		}
	}
	gone := errors.New("gone")
	for n := range len(whole) {
		broken := io.MultiReader(strings.NewReader(whole[:n]), iotest.ErrReader(gone))
		if _, err := readAll(newScript(broken)); err == nil {
			t.Errorf("a reader that fails after %q is taken for whole", whole[:n])
		}
	}
}

func FuzzScript(f *testing.F) {
	f.Add([]byte("SET a = 'b';\nCOPY \"s\".\"t\" FROM stdin;\n1\n\\.\n"))
	f.Add([]byte("-- \nCOPY \"s\".\"t\" (\"a\") FROM stdin;\n\\.\nCOPY"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := readAll(newScript(bytes.NewReader(text)))
		if err != nil && !fault.Is(err, fault.Corrupt) {
			t.Errorf("%v is not of kind corrupt", err)
		}
		total := 0
		for _, s := range got {
			total += len(s)
		}
		if total > len(text) {
			t.Errorf("%d bytes came out of %d", total, len(text))
		}
	})
}

func TestParseCopy(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]copyStatement{
		`COPY "s"."t" FROM stdin`:                                   {schema: "s", table: "t", name: `"s"."t"`},
		`COPY "a ""b"""."c.d" ("x","y z") FROM stdin`:               {schema: `a "b"`, table: "c.d", name: `"a ""b"""."c.d"`, columns: ` ("x","y z")`},
		"COPY \"two\nlines\".\"t\" FROM stdin WITH (FORMAT binary)": {schema: "two\nlines", table: "t", name: "\"two\nlines\".\"t\"", binary: true},
	} {
		if got, ok := parseCopy(sql); !ok || got != want {
			t.Errorf("%q: %+v", sql, got)
		}
	}
	for _, sql := range []string{
		`COPY s.t FROM stdin`, `COPY "s"."t" FROM '/etc/passwd'`, `COPY "s"."t" FROM PROGRAM 'sh'`, `COPY "s"."t" FROM stdin; DROP TABLE x`,
		`COPY "s"."t" TO stdout`, `COPY "s"."t" (lower("a")) FROM stdin`, `COPY ""."t" FROM stdin`, `COPY "s"."t" FROM stdin WHERE f()`, ``,
	} {
		if got, ok := parseCopy(sql); ok {
			t.Errorf("%q is taken for %+v", sql, got)
		}
	}
}

func TestSplitStatements(t *testing.T) {
	t.Parallel()
	script := "--\n-- it's a comment; really\n--\n\n\\restrict abc\nSET a = 'b;c';\nCREATE ROLE \"x;'y\";\n" +
		"COMMENT ON ROLE r IS E'it''s\\n; \\\\';\n;\nALTER ROLE z\n  SET w TO 'q';\n\\unrestrict abc\n-- end"
	want := []string{"SET a = 'b;c'", "CREATE ROLE \"x;'y\"", "COMMENT ON ROLE r IS E'it''s\\n; \\\\'", "ALTER ROLE z\n  SET w TO 'q'"}
	if got := splitStatements(script); !slices.Equal(got, want) {
		t.Errorf("split into %q, want %q", got, want)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	same := [][2]string{
		{`CHECK (((s)::text = ANY ((ARRAY['a'::character varying, 'b (c)::text'::character varying])::text[])))`,
			`CHECK (((s)::text = ANY (ARRAY[('a'::character varying)::text, ('b (c)::text'::character varying)::text])))`},
		{`x::timestamp(3) without time zone + 1`, `(x + 1)`},
		{`x::"My ""Type"""[] || y`, `x || (y)`}, {`x::public."T"(1,2)`, `x`}, {`x::numeric(10, -2) > 0`, `x > 0`}, {`x::double precision`, `x`},
	}
	for _, pair := range same {
		if a, b := canonical(pair[0]), canonical(pair[1]); a != b {
			t.Errorf("%s is %s, but %s is %s", pair[0], a, pair[1], b)
		}
	}
	different := [][2]string{{`a = 'x'`, `a = 'y'`}, {`a = 'x y'`, `a = 'xy'`}, {`"A" > 1`, `a > 1`}, {`'a::text'`, `'a'`}, {`a AND b`, `a OR b`}}
	for _, pair := range different {
		if canonical(pair[0]) == canonical(pair[1]) {
			t.Errorf("%s and %s are both %s", pair[0], pair[1], canonical(pair[0]))
		}
	}
	for _, odd := range []string{`'`, `"`, `::`, `a::`, `'unended`, `::(`} {
		canonical(odd) // must end
	}
}

func TestChooseTools(t *testing.T) {
	t.Parallel()
	found := []tools{{"/17", 17}, {"/14", 14}, {"/16", 16}, {"/16b", 16}}
	for major, want := range map[int]string{14: "/14", 15: "/16", 16: "/16", 17: "/17"} {
		if got, err := chooseTools(found, "", major); err != nil || got.dir != want {
			t.Errorf("for %d: %v, %v", major, got, err)
		}
	}
	_, err := chooseTools(found, "", 18)
	const want = "server is PostgreSQL 18, the newest client tools found are 17 in /17: install postgresql-client-18"
	if !fault.Is(err, fault.Unsupported) || err.Error() != want {
		t.Errorf("for 18: %v", err)
	}
}

func TestWholeBinaryRow(t *testing.T) {
	t.Parallel()
	row := []byte{0, 2, 0, 0, 0, 1, 'x', 0xff, 0xff, 0xff, 0xff}
	if !wholeBinaryRow(row) || !wholeBinaryRow([]byte{0, 0}) {
		t.Error("a row is not taken for one")
	}
	for n := range row {
		if wholeBinaryRow(row[:n]) {
			t.Errorf("a row cut to %d bytes is taken for one", n)
		}
	}
	if wholeBinaryRow(append(slices.Clone(row), row...)) {
		t.Error("two rows are taken for one")
	}
}
