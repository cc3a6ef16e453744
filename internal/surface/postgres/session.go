package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// applicationName is how every session of ours shows in pg_stat_activity.
const applicationName = "lifeboat"

const (
	connectWithin = 30 * time.Second
	// goodbyeWithin bounds how long a connection may take to be closed politely.
	goodbyeWithin = 5 * time.Second
	// oldest is the oldest version that is supported, as server_version_num.
	oldest = 150000
)

// sessionSettings make every session see and write values in one way whatever
// the defaults of the server, database and role are, never time out by itself,
// and end soon when the worker's host vanishes. Those that a server does not
// know are left out.
var sessionSettings = map[string]string{
	"search_path": "", "DateStyle": "ISO, YMD", "IntervalStyle": "postgres", "TimeZone": "UTC",
	"extra_float_digits": "3", "bytea_output": "hex", "lc_monetary": "C", "xmloption": "content",
	"standard_conforming_strings": "on", "quote_all_identifiers": "off", "row_security": "off",
	"synchronize_seqscans": "off", "jit": "off", "default_transaction_read_only": "off",
	"session_replication_role": "origin",
	"statement_timeout":        "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
	"idle_session_timeout": "0", "transaction_timeout": "0",
	"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
	"tcp_user_timeout": "60000", "client_connection_check_interval": "10000",
}

// connect opens a session. An empty encoding is the database's own: bytes of
// text then come as they are stored, and nothing can fail to be converted.
func (a *address) connect(ctx context.Context, encoding string) (*pgx.Conn, error) {
	config := a.config.Copy()
	config.RuntimeParams["application_name"] = applicationName
	delete(config.RuntimeParams, "client_encoding")
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, classify(err, "connect to PostgreSQL")
	}
	if err := prepareSession(ctx, conn, encoding); err != nil {
		goodbye(conn)
		return nil, err
	}
	return conn, nil
}

func prepareSession(ctx context.Context, conn *pgx.Conn, encoding string) error {
	names := make([]string, 0, len(sessionSettings)+1)
	values := make([]string, 0, len(sessionSettings)+1)
	for name, value := range sessionSettings {
		names, values = append(names, name), append(values, value)
	}
	if encoding != "" {
		names, values = append(names, "client_encoding"), append(values, encoding)
	}
	var version int
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, count(set_config(s.name, s.value, false))
		FROM unnest($1::text[], $2::text[]) AS s(name, value)
		JOIN pg_settings p ON p.name = s.name AND (p.context = 'user' OR current_setting('is_superuser')::bool)`,
		names, values).Scan(&version, new(int))
	if err != nil {
		return classify(err, "set up the PostgreSQL session")
	}
	if version < oldest {
		return fault.New(fault.Unsupported, "the server is PostgreSQL %d: version 15 or newer is needed", version/10000)
	}
	return nil
}

// goodbye closes a connection without waiting long. What can be done about a
// failure, closing the socket, has then been done.
func goodbye(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWithin)
	defer cancel()
	_ = conn.Close(ctx)
}
