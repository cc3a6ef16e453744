package cnpg

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// askWithin bounds a connection to the source: a window must be told, even when
// the source is gone.
const askWithin = 10 * time.Second

// Window implements managed.Service. It begins where CloudNativePG says that
// the first base backup ended. It ends when the source last archived a piece of
// its log, which the source is asked for itself; where it can't be asked, when
// the newest base backup ended. To reach the very end of it, a transaction must
// have been committed after the asked time in what is archived.
func (s *Service) Window(ctx context.Context) (managed.Window, error) {
	from, err := s.origin(ctx)
	return from.window, err
}

// Alarms implements managed.Alarmer.
func (s *Service) Alarms(ctx context.Context) ([]string, error) {
	from, err := s.origin(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, kind := range []string{conditionReady, "ContinuousArchiving", "LastBackupSucceeded"} {
		if status, text := condition(from.cluster, kind); status == "False" {
			out = append(out, s.config.Instance+" is not "+kind+": "+line(text))
		}
	}
	if from.store != nil {
		failed := times(from.store, "status", "serverRecoveryWindow", from.backups.server, "lastFailedBackupTime")
		if failed.After(from.lastBackup) {
			out = append(out, "the last base backup has failed, at "+failed.Format(time.RFC3339))
		}
	}
	if from.unasked != nil {
		out = append(out, "the end of the window is that of the newest base backup: "+line(from.unasked.Error()))
	}
	return out, nil
}

// archived asks the source when it last archived a piece of its log. A server
// that is not the one of the Cluster's status is fault.Invalid.
func (s *Service) archived(ctx context.Context, systemID string) (time.Time, error) {
	config, err := pgx.ParseConfig(s.config.URL.Reveal())
	if err != nil {
		// Its message may quote the URL.
		return time.Time{}, fault.New(fault.Invalid, "the connection of %s is not well-formed", s.config.Instance)
	}
	// A pooler may be in between.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	asking, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	conn, err := pgx.ConnectConfig(asking, config)
	if err != nil {
		return time.Time{}, fault.Wrap(fault.Unavailable, err, "connect to the source")
	}
	defer func() { _ = conn.Close(asking) }()
	var id string
	var standby bool
	var at *time.Time
	err = conn.QueryRow(asking, `SELECT system_identifier::text, pg_is_in_recovery(), (SELECT last_archived_time FROM pg_stat_archiver)
		FROM pg_control_system()`).Scan(&id, &standby, &at)
	switch {
	case err != nil:
		return time.Time{}, fault.Wrap(fault.Unavailable, err, "ask the source what it has archived")
	case systemID != "" && id != systemID:
		return time.Time{}, fault.New(fault.Invalid, "the server that the URL connects to is not that of the Cluster %s: its system identifier is %s, not %s",
			s.config.Instance, id, systemID)
	case standby:
		return time.Time{}, fault.New(fault.Unavailable, "the URL connects to a standby, which archives nothing")
	case at == nil:
		return time.Time{}, fault.New(fault.Unavailable, "the source has archived nothing since its statistics were reset")
	}
	return at.UTC(), nil
}
