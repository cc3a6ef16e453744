package local

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// limits are the settings of the source that a server which replays its WAL
// must have at least, as pg_control has them.
type limits struct {
	Connections int    `json:"connections"`
	Workers     int    `json:"workers"`
	Senders     int    `json:"senders"`
	Prepared    int    `json:"prepared"`
	Locks       int    `json:"locks"`
	WALLevel    string `json:"walLevel"`
	CommitTimes string `json:"commitTimes"`
}

// readLimits asks pg_controldata. The data directory may be in use.
func (i *instance) readLimits(ctx context.Context, o owner) (limits, error) {
	out, err := i.toolOutput(ctx, o, "", filepath.Join(i.rec.BinDir, "pg_controldata"), "-D", i.data())
	if err != nil {
		return limits{}, fault.While(err, "read pg_control")
	}
	return parseControl(out)
}

func parseControl(text string) (limits, error) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			values[name] = strings.TrimSpace(value)
		}
	}
	l := limits{WALLevel: values["wal_level setting"], CommitTimes: values["track_commit_timestamp setting"]}
	numbers := map[string]*int{
		"max_connections setting": &l.Connections, "max_worker_processes setting": &l.Workers,
		"max_wal_senders setting": &l.Senders, "max_prepared_xacts setting": &l.Prepared,
		"max_locks_per_xact setting": &l.Locks,
	}
	_, garbled := values["WARNING"]
	for name, n := range numbers {
		var err error
		if *n, err = strconv.Atoi(values[name]); err != nil || garbled {
			return limits{}, fault.New(fault.Corrupt, "the backup's pg_control can't be read: %s", lastLines(text, 1))
		}
	}
	return l, nil
}

// settings are a recovered server's, for its whole life. They follow the basic
// ones and win over them.
func (l limits) settings() []string {
	connections := max(l.Connections, 100)
	// A lock takes some 270 bytes, for each of these that there may be.
	locks := max(l.Locks, min(1024, 200_000/(connections+l.Prepared)))
	set := func(name string, n int) string { return name + " = " + strconv.Itoa(n) }
	settings := []string{
		set("max_connections", connections),
		set("max_worker_processes", max(l.Workers, 8)),
		set("max_wal_senders", max(l.Senders, 10)),
		set("max_prepared_transactions", l.Prepared),
		set("max_locks_per_transaction", locks),
	}
	if l.CommitTimes == "on" {
		settings = append(settings, "track_commit_timestamp = on")
	}
	if l.WALLevel == "logical" {
		settings = append(settings, "wal_level = logical")
	}
	return settings
}
