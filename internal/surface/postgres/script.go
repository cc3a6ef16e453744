package postgres

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// scriptHead begins every part in FormatSQL: a psql script is read with the
// settings that its rows were written with.
const scriptHead = `-- Rows of tables, for psql. The tables must exist and be empty; foreign keys
-- and triggers are better made afterwards (pg_restore --section=post-data).
SET client_encoding = '%s';
SET standard_conforming_strings = on;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET lc_monetary = 'C';
SET xmloption = 'content';
SET row_security = off;
SET search_path = '';
`

// endOfRows ends the rows of one table in a script.
const endOfRows = "\\.\n"

// copyFrom is the statement that loads a table's rows, with its newline.
func (t table) copyFrom(binary bool) string {
	columns, format := "", ""
	if t.columns != "" {
		columns = " (" + t.columns + ")"
	}
	if binary {
		format = " WITH (FORMAT binary)"
	}
	return "COPY " + t.sql + columns + " FROM stdin" + format + ";\n"
}

// binaryHead stands in the header of a part in FormatBinary.
func (t table) binaryHead(encoding string) string {
	return fmt.Sprintf("SET client_encoding = '%s';\n", encoding) + t.copyFrom(true)
}

// script reads a part in FormatSQL. Of all SQL it knows only what such a part
// consists of: comments, settings, and COPY with its rows.
type script struct {
	r *bufio.Reader
}

func newScript(r io.Reader) *script { return &script{r: bufio.NewReaderSize(r, wireBuffer)} }

// longestStatement bounds a statement: 1,600 columns with names of 63 bytes,
// all of them doubled quotes, fit.
const longestStatement = 1 << 20

// next reads one statement without its semicolon, or io.EOF at the end.
func (s *script) next() (string, error) {
	if err := s.skipBlank(); err != nil {
		return "", err
	}
	var text []byte
	var quote byte
	for {
		b, err := s.r.ReadByte()
		if err == io.EOF {
			return "", fault.New(fault.Corrupt, "a script of rows ends within a statement")
		}
		if err != nil {
			return "", err
		}
		switch {
		case quote == 0 && b == ';':
			return string(text), s.endLine()
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case b == quote:
			quote = 0
		}
		if text = append(text, b); len(text) > longestStatement {
			return "", fault.New(fault.Corrupt, "a script of rows has a statement of over %d bytes", longestStatement)
		}
	}
}

// skipBlank skips empty lines and comments. It returns io.EOF at the end.
func (s *script) skipBlank() error {
	for {
		ahead, err := s.r.Peek(2)
		switch {
		case len(ahead) == 0:
			return err
		case ahead[0] == '\n':
			_, _ = s.r.Discard(1)
		case string(ahead) == "--":
			if err := s.skipLine(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (s *script) skipLine() error {
	for {
		_, err := s.r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (s *script) endLine() error {
	b, err := s.r.ReadByte()
	if err != nil || b != '\n' {
		return fault.New(fault.Corrupt, "a script of rows has a statement that does not end its line")
	}
	return nil
}

// rows reads the rows that follow a COPY statement, without their end.
func (s *script) rows() *scriptRows { return &scriptRows{r: s.r, lineStart: true} }

type scriptRows struct {
	r         *bufio.Reader
	lineStart bool
	done      bool
}

// Read implements io.Reader.
func (s *scriptRows) Read(p []byte) (int, error) {
	if s.done {
		return 0, io.EOF
	}
	// The end is looked for with the newline before it, in what is buffered.
	end := []byte("\n" + endOfRows)
	ahead, err := s.r.Peek(max(len(end), s.r.Buffered()))
	if s.lineStart && bytes.HasPrefix(ahead, end[1:]) {
		s.done = true
		_, _ = s.r.Discard(len(endOfRows))
		return 0, io.EOF
	}
	if len(ahead) < len(end) {
		if err == io.EOF {
			err = fault.New(fault.Corrupt, "a script of rows ends within the rows of a table")
		}
		return 0, err
	}
	n := len(ahead) - len(end) + 1
	if at := bytes.Index(ahead, end); at >= 0 {
		n = at + 1
	}
	n = copy(p, ahead[:n])
	if n > 0 {
		s.lineStart = p[n-1] == '\n'
	}
	_, _ = s.r.Discard(n)
	return n, nil
}

// copyStatement is a COPY … FROM stdin as it stands in a part.
type copyStatement struct {
	// schema and table are without quotes.
	schema, table string
	// name is the qualified, quoted name; columns the list in parentheses, or empty.
	name, columns string
	binary        bool
}

var (
	setStatement = regexp.MustCompile(`^SET [a-z_]+ = (?:'[A-Za-z0-9_, ]*'|[a-z]+)$`)
	setEncoding  = regexp.MustCompile(`^SET client_encoding = '([A-Za-z0-9_]+)'$`)

	quotedName    = `"(?:[^"]|"")+"`
	copyFromStdin = regexp.MustCompile(`^COPY (` + quotedName + `)\.(` + quotedName + `)( \(` + quotedName + `(?:,` + quotedName + `)*\))? FROM stdin( WITH \(FORMAT binary\))?$`)
)

// parseCopy reads a COPY statement; ok is false for any other statement.
func parseCopy(sql string) (c copyStatement, ok bool) {
	m := copyFromStdin.FindStringSubmatch(sql)
	if m == nil {
		return c, false
	}
	return copyStatement{
		schema: unquote(m[1]), table: unquote(m[2]), name: m[1] + "." + m[2], columns: m[3], binary: m[4] != "",
	}, true
}

func unquote(name string) string { return strings.ReplaceAll(name[1:len(name)-1], `""`, `"`) }
