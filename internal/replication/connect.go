// Package replication speaks PostgreSQL's streaming replication protocol
// (PostgreSQL manual, section "Streaming Replication Protocol"), versions 15 and
// newer: what a server is, its WAL as it is written, its slots, and copies of
// its whole data directory. It knows no store: whoever receives the bytes is
// handed in.
package replication

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	connectWithin = 30 * time.Second
	// goodbyeWithin bounds how long an exchange or a connection may take to be ended politely.
	goodbyeWithin = 5 * time.Second
	// oldestMajor is the first version with BASE_BACKUP in one COPY and with READ_REPLICATION_SLOT.
	oldestMajor = 15
)

// Conn is one replication connection: a WAL sender of the server's own. It is
// not safe for concurrent use. After an error of Stream or BaseBackup it may be
// closed already; connect anew then.
type Conn struct {
	conn    *pgconn.PgConn
	config  *pgconn.Config
	address Config
	wire    *wire
	major   int
	version string
}

// Connect opens a physical replication connection. Denied says what to grant,
// Invalid what to set, Unsupported that the server is older than PostgreSQL 15,
// Unavailable that it can't be reached or has no WAL sender left.
func Connect(ctx context.Context, c Config) (*Conn, error) {
	config, roles, err := c.replication()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	var conn *pgconn.PgConn
	for _, role := range roles {
		config.ValidateConnect = role
		if conn, err = pgconn.ConnectConfig(ctx, config); err == nil {
			break
		}
	}
	if err != nil {
		return nil, c.refused(ctx, err, config)
	}
	r := &Conn{conn: conn, config: config, address: c, version: conn.ParameterStatus("server_version")}
	digits := strings.IndexFunc(r.version, func(c rune) bool { return c < '0' || c > '9' })
	if digits < 0 {
		digits = len(r.version)
	}
	if r.major, err = strconv.Atoi(r.version[:digits]); err != nil || r.major < oldestMajor {
		r.Close()
		return nil, fault.New(fault.Unsupported, "the server is PostgreSQL %s: version %d or newer is needed", r.version, oldestMajor)
	}
	return r, nil
}

// Close ends the connection. What can be done about a failure, closing the
// socket, has then been done.
func (c *Conn) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWithin)
	defer cancel()
	_ = c.conn.Close(ctx)
}

// ServerVersion is the server's major version, and the version as it spells it.
func (c *Conn) ServerVersion() (major int, text string) { return c.major, c.version }

// abandon ends the connection in the middle of an exchange. The server would
// notice a closed socket only when it next writes, so it is told.
func (c *Conn) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWithin)
	defer cancel()
	_ = c.conn.CancelRequest(ctx)
	_ = c.conn.Conn().Close()
	c.Close()
}
