package replication

import (
	"context"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Config says where a server is, and as whom it sees us.
type Config struct {
	// URL connects to the server as an ordinary session would; several hosts and
	// target_session_attrs choose among servers as libpq does.
	URL secret.String
	// CAFile, CertFile and KeyFile are PEM files for TLS, where the URL can't say
	// so itself. A CAFile makes the server's certificate and name be verified.
	CAFile, CertFile, KeyFile string
	// ApplicationName is how connections show in pg_stat_activity, and how TakeOver
	// knows which are its own: printable ASCII, at most 63 characters, empty means lifeboat.
	ApplicationName string
}

// senderSettings make the server end a dead worker's connection within about a
// minute whatever its defaults, unless the URL says otherwise: its slot is then
// free. There is no tcp_user_timeout, which would also end the connection of a
// living worker whose store is slow.
var senderSettings = map[string]string{
	"wal_sender_timeout": "60s", "tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3",
	"idle_session_timeout": "0",
}

// dialer makes a read fail within a minute or so when the server's host has vanished.
var dialer = &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}

func (c Config) name() (string, error) {
	if c.ApplicationName == "" {
		return "lifeboat", nil
	}
	unprintable := strings.ContainsFunc(c.ApplicationName, func(r rune) bool { return r < ' ' || r > '~' })
	if unprintable || len(c.ApplicationName) > 63 {
		// The server would show another name than the one that is looked for.
		return "", fault.New(fault.Invalid, "the application name %q must be printable ASCII of at most 63 characters", c.ApplicationName)
	}
	return c.ApplicationName, nil
}

// parameters are what the URL says after its question mark, with the TLS files
// of the configuration where the URL does not name its own.
func (c Config) parameters() (base string, values url.Values, err error) {
	text := c.URL.Reveal()
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return "", nil, fault.New(fault.Invalid, "a PostgreSQL URL looks like postgres://user:password@host:5432/database")
	}
	base, query, _ := strings.Cut(text, "?")
	if values, err = url.ParseQuery(query); err != nil {
		return "", nil, fault.New(fault.Invalid, "the parameters of the PostgreSQL URL are not well-formed")
	}
	add := func(key, value string) {
		if value != "" && !values.Has(key) {
			values.Set(key, value)
		}
	}
	add("sslrootcert", c.CAFile)
	add("sslcert", c.CertFile)
	add("sslkey", c.KeyFile)
	if c.CAFile != "" {
		add("sslmode", "verify-full")
	}
	return base, values, nil
}

func (c Config) parse() (*pgx.ConnConfig, url.Values, error) {
	name, err := c.name()
	if err != nil {
		return nil, nil, err
	}
	base, values, err := c.parameters()
	if err != nil {
		return nil, nil, err
	}
	config, err := pgx.ParseConfig(base + "?" + values.Encode())
	if err != nil {
		// The parser's own message may quote the URL with its password.
		return nil, nil, fault.New(fault.Invalid, "the PostgreSQL URL is not well-formed, or names a TLS file that can't be read")
	}
	config.DialFunc = dialer.DialContext
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["application_name"] = name
	delete(config.RuntimeParams, "client_encoding")
	return config, values, nil
}

// replication is the configuration of a replication connection, and which
// servers to take, the more wanted ones first.
func (c Config) replication() (*pgconn.Config, []pgconn.ValidateConnectFunc, error) {
	config, values, err := c.parse()
	if err != nil {
		return nil, nil, err
	}
	config.RuntimeParams["replication"] = "true"
	for name, value := range senderSettings {
		if _, said := config.RuntimeParams[name]; !said {
			config.RuntimeParams[name] = value
		}
	}
	wanted := values.Get("target_session_attrs")
	if wanted == "" {
		wanted = os.Getenv("PGTARGETSESSIONATTRS")
	}
	return &config.Config, roles(wanted), nil
}

// roles are what target_session_attrs asks for. A WAL sender runs no SQL, which
// the driver would choose by; what the server reports of itself says the same.
func roles(wanted string) []pgconn.ValidateConnectFunc {
	standby := func(is bool) pgconn.ValidateConnectFunc {
		return func(_ context.Context, conn *pgconn.PgConn) error {
			if found := conn.ParameterStatus("in_hot_standby") == "on"; found != is {
				return fault.New(fault.Unavailable, "the URL asks for a server that is %s, and this one is not", wanted)
			}
			return nil
		}
	}
	switch wanted {
	case "read-write", "primary":
		return []pgconn.ValidateConnectFunc{standby(false)}
	case "read-only", "standby":
		return []pgconn.ValidateConnectFunc{standby(true)}
	case "prefer-standby":
		return []pgconn.ValidateConnectFunc{standby(true), nil}
	default:
		return []pgconn.ValidateConnectFunc{nil}
	}
}
