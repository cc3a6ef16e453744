package local

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// observations are what a restored PostgreSQL should say of itself: whether it
// is as expected, and how it is. No text of them has a setting's value that may
// hold a secret.
var observations = []struct{ what, expected, sql string }{
	{
		"replication from another server", "no WAL receiver, no recovery, primary_conninfo empty",
		`SELECT n = 0 AND NOT pg_is_in_recovery() AND current_setting('primary_conninfo') = '',
			format('WAL receivers: %s, in recovery: %s, primary_conninfo %s', n, pg_is_in_recovery(),
				CASE current_setting('primary_conninfo') WHEN '' THEN 'empty' ELSE 'set' END)
		FROM (SELECT count(*) AS n FROM pg_stat_wal_receiver) AS receivers`,
	},
	{
		"subscriptions to other servers", "no worker, and none possible",
		`SELECT workers = 0 AND possible = '0',
			format('workers: %s, max_logical_replication_workers: %s, enabled subscriptions that were restored: %s', workers, possible, enabled)
		FROM (SELECT (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL) AS workers,
			current_setting('max_logical_replication_workers') AS possible,
			(SELECT count(*) FROM pg_subscription WHERE subenabled) AS enabled) AS subscriptions`,
	},
	{
		"archiving of WAL", "archive_mode off",
		`SELECT current_setting('archive_mode') = 'off', 'archive_mode ' || current_setting('archive_mode')`,
	},
	{
		"background processes", "PostgreSQL's own alone",
		`SELECT count(*) = 0, coalesce('others: ' || string_agg(DISTINCT backend_type, ', '), 'its own alone')
		FROM pg_stat_activity WHERE backend_type NOT IN ('client backend', 'autovacuum launcher', 'autovacuum worker',
			'background writer', 'checkpointer', 'walwriter', 'walsummarizer', 'io worker', 'parallel worker', 'startup')`,
	},
	{
		"who may log in", superuser + " alone, with its password, from 127.0.0.1",
		`SELECT count(*) FILTER (WHERE odd) = 0, format('%s rules, %s for others', count(*), count(*) FILTER (WHERE odd))
		FROM (SELECT error IS NOT NULL OR user_name IS DISTINCT FROM ARRAY['` + superuser + `'] OR auth_method <> 'scram-sha-256'
			OR type <> 'local' AND (address <> '127.0.0.1' OR netmask <> '255.255.255.255') AS odd FROM pg_hba_file_rules) AS rules`,
	},
}

func (p postgres) observe(ctx context.Context, i *instance) []drill.Attempt {
	ctx, cancel := context.WithTimeout(ctx, cleanupWithin)
	defer cancel()
	var out []drill.Attempt
	conn, err := p.connect(ctx, i, login{superuser, i.rec.Password})
	if err == nil {
		defer conn.Close(ctx)
	}
	look := func(what, expected, sql string) {
		if err != nil {
			out = append(out, unseen(what, expected, err))
			return
		}
		ok, observed, err := p.ask(ctx, conn, sql)
		if err != nil {
			out = append(out, unseen(what, expected, err))
			return
		}
		out = append(out, attempt(what, expected, observed, ok))
	}
	for _, o := range observations {
		look(o.what, o.expected, o.sql)
	}
	preload := ""
	if i.rec.Recovery != nil {
		preload = strings.Join(i.rec.Recovery.Preload, ",")
	}
	expected := "none"
	if preload != "" {
		expected = preload + ", which the WAL needs"
	}
	look("libraries that it preloads", expected,
		"SELECT replace(is_now, ' ', '') = "+quoteLiteral(preload)+", CASE is_now WHEN '' THEN 'none' ELSE is_now END"+
			" FROM (SELECT current_setting('shared_preload_libraries') AS is_now) AS libraries")
	return out
}

func quoteLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// ask runs a statement that answers a boolean and a text.
func (postgres) ask(ctx context.Context, conn *pgconn.PgConn, sql string) (bool, string, error) {
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return false, "", err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 2 {
		return false, "", errors.New("the answer is not one row")
	}
	row := results[0].Rows[0]
	return string(row[0]) == "t", string(row[1]), nil
}

// connect logs in to the restored server, whatever the worker's own variables say of servers.
func (p postgres) connect(ctx context.Context, i *instance, l login) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(p.url(i).Reveal())
	if err != nil {
		// The cause may quote the URL.
		return nil, errors.New("the server's own URL can't be read")
	}
	config.User, config.Password = l.user, l.password
	config.Fallbacks, config.ValidateConnect, config.RuntimeParams = nil, nil, maps.Clone(quiet)
	return pgconn.ConnectConfig(ctx, config)
}

func (p postgres) login(ctx context.Context, i *instance, l login) error {
	conn, err := p.connect(ctx, i, l)
	if err == nil {
		// However it says goodbye, it was let in.
		_ = conn.Close(ctx)
		return nil
	}
	// Class 28 is Invalid Authorization Specification.
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && strings.HasPrefix(refused.Code, "28") {
		return errRefused{refused.Message + " (SQLSTATE " + refused.Code + ")"}
	}
	return err
}

func (postgres) credentials(live secret.String) (login, bool) {
	text := live.Reveal()
	if u, err := url.Parse(text); strings.Contains(text, "://") && (err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return login{}, false
	}
	// Passwords of .pgpass and of variables count, as they do for the surface.
	config, err := pgconn.ParseConfig(text)
	if err != nil {
		return login{}, false
	}
	return login{config.User, config.Password}, true
}
