package alert

import (
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// replicaPatience is by how much a replica may be behind.
	replicaPatience = time.Minute
	// replicaFor is for how long: the first transaction after a long rest, or a
	// connection made anew, can look like a lag for a moment.
	replicaFor = time.Minute
	// restartsAnHour is how often the pods of a workload may restart.
	restartsAnHour = 5
	// podsFor is how long pods may be away: a roll-out takes some minutes.
	podsFor = 5 * time.Minute
	// renewBefore is how long before its end a certificate should have been renewed.
	renewBefore = 14 * 24 * time.Hour
	// diskShare is the share of a disk that may be used.
	diskShare = 0.8
)

// vitalRules are about the signs of life of what is protected.
func vitalRules() []Rule {
	return []Rule{
		{
			Name: "LifeboatReplicationLag", Severity: status.Warning, For: replicaFor, Labels: []string{"surface", "replica"},
			Expr:      `max by (surface, replica) (lifeboat_replication_lag_seconds) > 60`,
			Condition: "a replica is more than 60 s behind for a minute, or was there in the last day and is not now",
			Summary:   "The replica {replica} of {surface} is more than 60 seconds behind",
			Description: "A fail-over to it would lose what it has not replayed. See what holds it up, or why it is not connected: " +
				"long queries on it, its disk, the network.",
			holds: replicationLag,
		},
		{
			Name: "LifeboatPodRestarts", Severity: status.Warning, Labels: []string{"surface", "namespace", "workload"},
			Expr:        `max by (surface, namespace, workload) (lifeboat_pod_restarts_last_hour) > 5`,
			Condition:   "the pods of a workload restarted more than 5 times in an hour",
			Summary:     "The pods of {workload} in namespace {namespace} restarted more than 5 times in the last hour",
			Description: "Look at what the containers said before: `kubectl -n {namespace} logs {workload} --previous`.",
			holds: func(r status.Report, _ time.Time) []found {
				return pods(r, func(p status.Pods) (string, bool) {
					return fmt.Sprintf("%d times", p.RestartsLastHour), p.RestartsLastHour > restartsAnHour
				})
			},
		},
		{
			Name: "LifeboatPodsUnavailable", Severity: status.Warning, For: podsFor, Labels: []string{"surface", "namespace", "workload"},
			Expr: `max by (surface, namespace, workload) (lifeboat_pods_available) ` +
				`< max by (surface, namespace, workload) (lifeboat_pods_wanted)`,
			Condition:   "a workload has fewer ready pods than it should for five minutes",
			Summary:     "{workload} in namespace {namespace} has fewer ready pods than it should",
			Description: "See why they are not ready: `kubectl -n {namespace} describe {workload}`, and the events of its pods.",
			holds: func(r status.Report, _ time.Time) []found {
				return pods(r, func(p status.Pods) (string, bool) {
					return fmt.Sprintf("%d of %d", p.Available, p.Wanted), p.Available < p.Wanted
				})
			},
		},
		{
			Name: "LifeboatCertificateExpires", Severity: status.Warning, Labels: []string{"surface", "where"},
			Expr:      `min by (surface, where) (lifeboat_certificate_expiry_timestamp_seconds) - time() < 1209600`,
			Condition: "a certificate has less than 14 days left",
			Summary:   "The certificate of {where} expires in less than 14 days",
			Description: "Renew it, and see that the server shows the new one. After its end, clients refuse the server, and so " +
				"do backups of it.",
			holds: certificateExpires,
		},
		{
			Name: "LifeboatDiskFull", Severity: status.Warning, Labels: []string{"surface", "where", "what"},
			Expr: `max by (surface, where, what) (lifeboat_disk_used_bytes) ` +
				`> 0.8 * (max by (surface, where, what) (lifeboat_disk_size_bytes) > 0)`,
			Condition:   "more than 80% of a disk or volume are used",
			Summary:     "More than 80% of {where} ({what}) are used",
			Description: "Make room or enlarge it before it is full: then what writes to it fails.",
			holds:       diskFull,
		},
	}
}

func replicationLag(r status.Report, _ time.Time) []found {
	var out []found
	for _, s := range r.Vitals.Replicas {
		if s.LagSeconds != nil && *s.LagSeconds > replicaPatience.Seconds() {
			out = append(out, found{labels: labelled("surface", s.Surface, "replica", s.Name), detail: behind(s)})
		}
	}
	return out
}

func behind(r status.Replica) string {
	if r.State == status.ReplicaGone {
		return "it is not connected since " + r.Seen.UTC().Format(time.RFC3339)
	}
	return inWords(*r.LagSeconds)
}

func pods(r status.Report, holds func(status.Pods) (detail string, does bool)) []found {
	var out []found
	for _, p := range r.Vitals.Pods {
		if detail, does := holds(p); does {
			out = append(out, found{labels: labelled("surface", p.Surface, "namespace", p.Namespace, "workload", p.Workload), detail: detail})
		}
	}
	return out
}

func certificateExpires(r status.Report, now time.Time) []found {
	var out []found
	for _, c := range r.Vitals.Certificates {
		if c.NotAfter.Sub(now) < renewBefore {
			out = append(out, found{
				labels: labelled("surface", c.Surface, "where", c.Where),
				detail: c.Subject + " ends at " + c.NotAfter.UTC().Format(time.RFC3339),
			})
		}
	}
	return out
}

func diskFull(r status.Report, _ time.Time) []found {
	var out []found
	for _, d := range r.Vitals.Disks {
		if d.Size > 0 && float64(d.Used) > diskShare*float64(d.Size) {
			out = append(out, found{
				labels: labelled("surface", d.Surface, "where", d.Where, "what", d.What),
				detail: fmt.Sprintf("%d%% of %.1f GB", d.Used*100/d.Size, float64(d.Size)/1e9),
			})
		}
	}
	return out
}
