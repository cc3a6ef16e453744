package replication_test

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lifeboat-dr/lifeboat/internal/replication"
)

// scripted is a server that answers commands as it is told to, for versions
// that aren't installed and for what no sound server does.
type scripted struct {
	t       testing.TB
	version string
	// answers are looked up by how a command begins.
	answers map[string]func(s *session)
	address string

	mu       sync.Mutex
	commands []string
	uploaded []byte
}

// session is one connection to it.
type session struct {
	*pgproto3.Backend
	server *scripted
}

func newScripted(t testing.TB, version string, answers map[string]func(*session)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{t: t, version: version, answers: answers, address: l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				s.serve(&session{pgproto3.NewBackend(conn, conn), s})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return s
}

// change gives a command another answer.
func (s *scripted) change(begins string, answer func(*session)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[begins] = answer
}

func (s *scripted) conn(t testing.TB) *replication.Conn {
	t.Helper()
	return dial(t, at("postgres://someone@"+s.address+"/?sslmode=disable"))
}

func (s *scripted) serve(c *session) {
	startup, err := c.ReceiveStartupMessage()
	if m, ok := startup.(*pgproto3.StartupMessage); err != nil || !ok || m.Parameters["replication"] != "true" {
		// Somebody cancels.
		return
	}
	c.Send(&pgproto3.AuthenticationOk{})
	c.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: s.version})
	c.ready()
	for {
		msg, err := c.Receive()
		if err != nil {
			return
		}
		query, ok := msg.(*pgproto3.Query)
		if !ok {
			return
		}
		s.mu.Lock()
		s.commands = append(s.commands, query.String)
		var answer func(*session)
		for begins, a := range s.answers {
			if strings.HasPrefix(query.String, begins) {
				answer = a
			}
		}
		s.mu.Unlock()
		if answer == nil {
			s.t.Errorf("a command that is not in the script: %s", query.String)
			return
		}
		answer(c)
		c.ready()
	}
}

func (c *session) ready() {
	c.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	c.Flush()
}

// rows sends a result; an empty value is NULL.
func (c *session) rows(columns int, values ...string) {
	fields := make([]pgproto3.FieldDescription, columns)
	for i := range fields {
		fields[i] = pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: 25}
	}
	c.Send(&pgproto3.RowDescription{Fields: fields})
	for len(values) > 0 {
		var row pgproto3.DataRow
		for _, v := range values[:columns] {
			if v == "" {
				row.Values = append(row.Values, nil)
			} else {
				row.Values = append(row.Values, []byte(v))
			}
		}
		c.Send(&row)
		values = values[columns:]
	}
	c.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
}

func (c *session) copyData(kind byte, body string) {
	c.Send(&pgproto3.CopyData{Data: append([]byte{kind}, body...)})
}

func (c *session) fail(code string) {
	c.Send(&pgproto3.ErrorResponse{Severity: "FEHLER", SeverityUnlocalized: "ERROR", Code: code, Message: "so nicht"})
}

// wal sends a piece of WAL.
func (c *session) wal(at uint64, data string) {
	header := make([]byte, 24)
	binary.BigEndian.PutUint64(header, at)
	binary.BigEndian.PutUint64(header[8:], at+uint64(len(data)))
	c.copyData('w', string(header)+data)
}

// upload takes a COPY, until it is done or has failed.
func (c *session) upload() (failed bool) {
	c.Send(&pgproto3.CopyInResponse{})
	c.Flush()
	for {
		msg, err := c.Receive()
		if err != nil {
			return true
		}
		switch m := msg.(type) {
		case *pgproto3.CopyData:
			c.server.mu.Lock()
			c.server.uploaded = append(c.server.uploaded, m.Data...)
			c.server.mu.Unlock()
		case *pgproto3.CopyDone:
			return false
		case *pgproto3.CopyFail:
			return true
		}
	}
}
