package postgres

import (
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// replicasSQL lists who follows the server, but for ourselves and for those that
// only copy or archive. Without the right, all of a row is null but its name. A
// standby that has replayed all has no lag, whatever was measured last.
const replicasSQL = `
SELECT coalesce(nullif(r.application_name, ''), host(r.client_addr), 'pid ' || r.pid), coalesce(host(r.client_addr), ''),
	coalesce(r.state, ''), coalesce(greatest(here.at - r.replay_lsn, 0), 0)::int8,
	CASE WHEN here.at <= r.replay_lsn THEN 0 ELSE extract(epoch FROM r.replay_lag) END::float8,
	pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
FROM pg_stat_replication r,
	(SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS at) here
WHERE r.application_name <> 'lifeboat' AND r.application_name NOT LIKE 'lifeboat %' AND (r.replay_lsn IS NOT NULL OR r.state IS NULL)
ORDER BY 1, r.client_addr, r.client_port`

// itselfSQL says of a standby how far it is behind what it has received. The
// time of the last transaction says nothing where all was replayed, as long as
// the primary is heard of: it says something at least twice a minute. Of whoever
// no longer receives, nobody knows what came since the last transaction.
const itselfSQL = `
SELECT greatest(pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(), 0)::int8,
	CASE WHEN w.pid IS NOT NULL AND pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
		THEN CASE WHEN w.silent > interval '1 minute' THEN extract(epoch FROM w.silent) ELSE 0 END
		ELSE extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time())) END::float8,
	CASE WHEN w.pid IS NULL THEN 'no WAL comes' ELSE coalesce(w.status, '') END
FROM (SELECT) itself LEFT JOIN (SELECT pid, status, clock_timestamp() - last_msg_receipt_time AS silent
	FROM pg_stat_wal_receiver LIMIT 1) w ON true
WHERE pg_is_in_recovery()`

// Observe implements surface.Observed: how far each standby and subscriber is
// behind; and where the server is a standby, how far it is itself. How far
// others are takes the right of pg_read_all_stats, which pg_monitor has.
func (s *Surface) Observe(ctx context.Context) (status.Vitals, error) {
	var out status.Vitals
	conn, err := s.source.connect(ctx, "UTF8")
	if err != nil {
		return out, err
	}
	defer goodbye(conn)
	itself, err := conn.Query(ctx, itselfSQL)
	if err != nil {
		return out, classify(err, "ask the standby how far it is")
	}
	for itself.Next() {
		r := status.Replica{Name: "itself", Itself: true}
		var lag *int64
		if err := itself.Scan(&lag, &r.LagSeconds, &r.State); err != nil {
			itself.Close()
			return out, classify(err, "ask the standby how far it is")
		}
		if lag != nil {
			r.LagBytes = *lag
		}
		out.Replicas = append(out.Replicas, r)
	}
	if err := itself.Err(); err != nil {
		return out, classify(err, "ask the standby how far it is")
	}
	rows, err := conn.Query(ctx, replicasSQL)
	if err != nil {
		return out, classify(err, "list the standbys")
	}
	defer rows.Close()
	named, denied := map[string]int{}, 0
	for rows.Next() {
		var r status.Replica
		var address string
		var permitted bool
		if err := rows.Scan(&r.Name, &address, &r.State, &r.LagBytes, &r.LagSeconds, &permitted); err != nil {
			return out, classify(err, "list the standbys")
		}
		if !permitted {
			denied++
			continue
		}
		r.Name = unique(named, r.Name, address)
		out.Replicas = append(out.Replicas, r)
	}
	if err := rows.Err(); err != nil {
		return out, classify(err, "list the standbys")
	}
	if denied > 0 {
		return out, fault.New(fault.Denied, "how far %d standbys are behind is hidden from the role %s: run GRANT pg_monitor TO %q",
			denied, conn.Config().User, conn.Config().User)
	}
	return out, nil
}

// unique tells standbys of one name apart: by their addresses, or else by number.
func unique(named map[string]int, name, address string) string {
	named[name]++
	if named[name] == 1 {
		return name
	}
	if at := name + "@" + address; address != "" && named[at] == 0 {
		named[at]++
		return at
	}
	return fmt.Sprintf("%s#%d", name, named[name])
}
