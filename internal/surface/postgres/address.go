package postgres

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// address is where a database is, in the two forms that are needed: for our
// own connections, and as environment of PostgreSQL's tools. Nothing of it
// goes into an argument list, which every user of the host can read.
type address struct {
	config *pgx.ConnConfig
	env    []string
}

// dialer makes a read fail within a minute or so when the server's host has vanished.
var dialer = &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}

// toolVariables are the parameters of a URL that libpq also reads from its environment.
var toolVariables = map[string]string{
	"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
	"sslcrl": "PGSSLCRL", "sslsni": "PGSSLSNI", "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
	"channel_binding": "PGCHANNELBINDING", "target_session_attrs": "PGTARGETSESSIONATTRS",
	"connect_timeout": "PGCONNECT_TIMEOUT", "gssencmode": "PGGSSENCMODE", "krbsrvname": "PGKRBSRVNAME",
	"require_auth": "PGREQUIREAUTH",
}

// parseAddress reads a connection URL. TLS files of the configuration are
// taken where the URL does not name its own; a CAFile makes the server's
// certificate and name be verified.
func parseAddress(raw secret.String, c surface.Config) (*address, error) {
	text := raw.Reveal()
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return nil, fault.New(fault.Invalid, "a PostgreSQL URL looks like postgres://user:password@host:5432/database")
	}
	_, query, _ := strings.Cut(text, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the parameters of the PostgreSQL URL are not well-formed")
	}
	text, values = withFiles(text, values, c)
	config, err := pgx.ParseConfig(text)
	if err != nil {
		// The parser's own message may quote the URL with its password.
		return nil, fault.New(fault.Invalid, "the PostgreSQL URL is not well-formed, or names a TLS file that can't be read")
	}
	if config.Database == "" {
		config.Database = config.User
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.DialFunc = dialer.DialContext
	a := &address{config: config, env: endpoints(config)}
	for key, variable := range toolVariables {
		if v := values.Get(key); v != "" {
			a.env = append(a.env, variable+"="+v)
		} else if v, ok := os.LookupEnv(variable); ok {
			a.env = append(a.env, variable+"="+v)
		}
	}
	slices.Sort(a.env)
	return a, nil
}

// WithFiles is a connection URL that names the TLS files of the configuration
// where it names none itself, for those who connect with nothing but the URL.
func WithFiles(raw secret.String, c surface.Config) (secret.String, error) {
	if _, err := parseAddress(raw, c); err != nil {
		return "", err
	}
	_, query, _ := strings.Cut(raw.Reveal(), "?")
	// They are well-formed, as the address was.
	values, _ := url.ParseQuery(query)
	text, _ := withFiles(raw.Reveal(), values, c)
	return secret.String(text), nil
}

func withFiles(text string, values url.Values, c surface.Config) (string, url.Values) {
	extra := url.Values{}
	add := func(key, value string) {
		if value != "" && !values.Has(key) {
			extra.Set(key, value)
			values.Set(key, value)
		}
	}
	add("sslrootcert", c.CAFile)
	add("sslcert", c.CertFile)
	add("sslkey", c.KeyFile)
	if c.CAFile != "" {
		add("sslmode", "verify-full")
	}
	if len(extra) == 0 {
		return text, values
	}
	separator := "?"
	if strings.Contains(text, "?") {
		separator = "&"
	}
	return text + separator + extra.Encode(), values
}

// endpoints are the hosts in order of preference, the user and the password.
func endpoints(config *pgx.ConnConfig) []string {
	hosts, ports := []string{config.Host}, []string{strconv.Itoa(int(config.Port))}
	for _, f := range config.Fallbacks {
		port := strconv.Itoa(int(f.Port))
		// A fallback may be the same host without TLS.
		if hosts[len(hosts)-1] != f.Host || ports[len(ports)-1] != port {
			hosts, ports = append(hosts, f.Host), append(ports, port)
		}
	}
	env := []string{
		"PGHOST=" + strings.Join(hosts, ","), "PGPORT=" + strings.Join(ports, ","),
		"PGUSER=" + config.User,
	}
	if config.Password != "" {
		env = append(env, "PGPASSWORD="+config.Password)
	}
	return env
}

// database is the same server's other database.
func (a *address) database(name string) *address {
	config := a.config.Copy()
	config.Database = name
	return &address{config: config, env: a.env}
}

// toolEnv is the environment of a child that connects here. Messages are in
// English, for some are read; settings are those of every session.
func (a *address) toolEnv() []string {
	return append(slices.Clone(a.env),
		"PGDATABASE="+a.config.Database,
		"PGAPPNAME="+applicationName,
		"PGOPTIONS=-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off "+
			"-c client_connection_check_interval=10s",
		"LC_ALL=C.UTF-8",
		"PATH="+os.Getenv("PATH"),
		"HOME="+homeDir(),
	)
}

func homeDir() string {
	if home, err := os.UserHomeDir(); err == nil {
		return home
	}
	return filepath.Clean(os.TempDir())
}

// conninfo names the database in a form that no tool takes for anything else,
// whatever characters the name has.
func (a *address) conninfo() string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(a.config.Database) + "'"
}
