package reconcile

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const (
	connectWithin = 30 * time.Second
	// goodbyeWithin bounds how long a connection may take to be closed politely.
	goodbyeWithin = 5 * time.Second
	// mostBytes bounds one row, and what has to be sorted in memory.
	mostBytes = 64 << 20
)

// sessionSettings make every server write values in one way, whatever the
// defaults of the server, its database and the role are.
var sessionSettings = map[string]string{
	"application_name": "lifeboat", "client_encoding": "UTF8", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres",
	"TimeZone": "UTC", "extra_float_digits": "1", "bytea_output": "hex", "default_transaction_read_only": "on",
	// A session whose worker is gone ends soon.
	"statement_timeout": "0", "idle_in_transaction_session_timeout": "0", "client_connection_check_interval": "10s",
}

// session is a connection to a restored database, in one read-only transaction
// that sees one state.
type session struct{ conn *pgconn.PgConn }

func connectPostgres(ctx context.Context, url secret.String) (*session, error) {
	config, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		// The parser's own message may quote the URL.
		return nil, fault.New(fault.Invalid, "the restored server's URL is not well-formed")
	}
	maps.Copy(config.RuntimeParams, sessionSettings)
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		frontend := pgproto3.NewFrontend(r, w)
		frontend.SetMaxBodyLen(mostBytes)
		return frontend
	}
	limited, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := pgconn.ConnectConfig(limited, &config.Config)
	if err != nil {
		return nil, classify(err, "connect to PostgreSQL")
	}
	s := &session{conn}
	if _, err := conn.Exec(limited, "BEGIN READ ONLY, ISOLATION LEVEL REPEATABLE READ").ReadAll(); err != nil {
		s.close()
		return nil, classify(err, "begin a read-only transaction")
	}
	return s, nil
}

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWithin)
	defer cancel()
	// Nothing was written that the close could lose.
	_ = s.conn.Close(ctx)
}

// argument is the value of one parameter, as text, with its type.
type argument struct {
	value string
	oid   uint32
}

// ask runs one SQL statement. The rows must be closed before the next.
func (s *session) ask(ctx context.Context, query string, arguments ...argument) *pgRows {
	values, oids := make([][]byte, len(arguments)), make([]uint32, len(arguments))
	for i, a := range arguments {
		values[i], oids[i] = []byte(a.value), a.oid
	}
	return &pgRows{answer: s.conn.ExecParams(ctx, query, values, oids, nil, nil)}
}

// owned runs one SQL statement whose rows close the session, too.
func (s *session) owned(ctx context.Context, query string) *pgRows {
	asked := s.ask(ctx, query)
	asked.session = s
	return asked
}

// pgRows are rows of PostgreSQL, each value as the server writes it as text.
type pgRows struct {
	answer  *pgconn.ResultReader
	session *session
	ended   bool
}

func (p *pgRows) next() ([][]byte, error) {
	if p.ended {
		return nil, errEnd
	}
	if p.answer.NextRow() {
		return p.answer.Values(), nil
	}
	p.ended = true
	if _, err := p.answer.Close(); err != nil {
		return nil, classify(err, "run the query on PostgreSQL")
	}
	return nil, errEnd
}

func (p *pgRows) close() {
	if p.session != nil {
		// What has not been read yet is not waited for.
		p.session.close()
		return
	}
	_, _ = p.answer.Close()
}

// classify gives an error of a connection its kind. What the server says about
// the query, and not about itself, is of kind Invalid or Denied: it would say so again.
func classify(err error, doing string) error {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fault.Wrap(kindOfState(server.Code), err, "%s", doing)
	}
	if _, ok := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); ok {
		return fault.New(fault.Unsupported, "%s: a row has more than %d MiB", doing, mostBytes>>20)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) {
		return fault.Wrap(fault.Unavailable, err, "%s", doing)
	}
	return fault.Wrap(fault.Internal, err, "%s", doing)
}

// kindOfState maps a SQLSTATE (PostgreSQL manual, appendix A).
func kindOfState(state string) fault.Kind {
	switch {
	case state == "42501", strings.HasPrefix(state, "28"):
		return fault.Denied
	case state == "53300", state == "55P03", strings.HasPrefix(state, "08"), strings.HasPrefix(state, "57P"), strings.HasPrefix(state, "40"):
		return fault.Unavailable
	case strings.HasPrefix(state, "53"):
		return fault.Exhausted
	case strings.HasPrefix(state, "XX"):
		return fault.Corrupt
	default:
		return fault.Invalid
	}
}
