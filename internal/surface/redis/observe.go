package redis

import (
	"context"
	"net"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// Observe implements surface.Observed: how far each replica is behind, in bytes
// of the replication stream, and how long ago it last said so; and where the
// server is a replica, how long ago it last heard of its primary. It takes the
// right to run INFO.
func (s *Surface) Observe(ctx context.Context) (status.Vitals, error) {
	c := s.source.open(ctx, 0)
	defer c.Close()
	text, err := c.Info(ctx, "replication").Result()
	if err != nil {
		return status.Vitals{}, s.source.failure(err, "ask who follows the server")
	}
	return status.Vitals{Replicas: replicas(text)}, nil
}

// replicas reads INFO replication: slave0:ip=127.0.0.1,port=7000,state=online,offset=14,lag=0
// and, on a replica, what it says of its primary.
func replicas(text string) []status.Replica {
	fields := map[string]string{}
	var followers []string
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
		if number, ok := strings.CutPrefix(name, "slave"); ok && strings.Contains(value, "offset=") {
			if _, err := strconv.Atoi(number); err == nil {
				followers = append(followers, value)
			}
		}
	}
	at, _ := strconv.ParseInt(fields["master_repl_offset"], 10, 64)
	var out []status.Replica
	if fields["role"] == "slave" {
		out = append(out, followed(fields))
	}
	for _, follower := range followers {
		of := map[string]string{}
		for field := range strings.SplitSeq(follower, ",") {
			name, value, _ := strings.Cut(field, "=")
			of[name] = value
		}
		r := status.Replica{Name: net.JoinHostPort(of["ip"], of["port"]), State: of["state"]}
		if offset, err := strconv.ParseInt(of["offset"], 10, 64); err == nil {
			r.LagBytes = max(0, at-offset)
		}
		// One that is still loading has never said anything.
		if lag, err := strconv.ParseFloat(of["lag"], 64); err == nil && lag >= 0 && r.State == "online" {
			r.LagSeconds = &lag
		}
		out = append(out, r)
	}
	return out
}

// followed is what a replica says of itself: for how long it has heard nothing.
func followed(fields map[string]string) status.Replica {
	r := status.Replica{Name: "of " + net.JoinHostPort(fields["master_host"], fields["master_port"]), State: fields["master_link_status"], Itself: true}
	since := fields["master_last_io_seconds_ago"]
	if r.State != "up" {
		since = fields["master_link_down_since_seconds"]
	}
	if seconds, err := strconv.ParseFloat(since, 64); err == nil && seconds >= 0 {
		r.LagSeconds = &seconds
	}
	return r
}
