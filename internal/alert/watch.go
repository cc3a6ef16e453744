package alert

import (
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// reportAge is how old a report may be, and notWatchingFor how much longer it
	// is waited for: together three minutes.
	reportAge      = 2 * time.Minute
	notWatchingFor = time.Minute
	// storePatience is how long a store may be away.
	storePatience = 2 * time.Minute
	// blindFor is how long something may be unreadable.
	blindFor = 10 * time.Minute
	// ledgerAge is how old the last complete reading of the ledger may be.
	ledgerAge = 48 * time.Hour
	ledgerFor = 5 * time.Minute
)

// watchRules are about Lifeboat itself, and where it keeps things.
func watchRules() []Rule {
	return []Rule{
		{
			Name: "LifeboatNotWatching", Severity: status.Critical, For: notWatchingFor,
			Expr:      `(time() - max(lifeboat_status_timestamp_seconds) > 120) or absent(lifeboat_status_timestamp_seconds)`,
			Condition: "no worker has reported for three minutes (in Prometheus also: the metrics are away)",
			Summary:   "Nobody watches: no worker has reported how things stand for three minutes",
			Description: "Backups may have stopped, and no other alert can be trusted until a worker reports again. " +
				"See whether a worker runs and reaches Temporal.",
			holds: notWatching,
		},
		{
			Name: "LifeboatStoreUnreachable", Severity: status.Critical, For: storePatience, Labels: []string{"store"},
			Expr:      `max by (store) (lifeboat_store_up) == 0`,
			Condition: "a store can't be used for two minutes",
			Summary:   "The store {store} can't be used",
			Description: "Nothing can be saved to it or restored from it. Run `lifeboat check` on a worker's host: it says " +
				"what is refused, and by whom.",
			holds: storeUnreachable,
		},
		{
			Name: "LifeboatLedgerNotVerifying", Severity: status.Critical, For: ledgerFor,
			Expr: `(max(lifeboat_ledger_verifies) == 0) or (time() - (max(lifeboat_ledger_verified_timestamp_seconds) > 0 ` +
				`or max(lifeboat_ledger_verified_timestamp_seconds) + max(lifeboat_status_since_timestamp_seconds)) > 172800)`,
			Condition: "the last try to verify the ledger failed, or it was not verified for two days",
			Summary:   "The ledger of evidence does not verify",
			Description: "What drills have shown can't be proven to a stranger now. Run `lifeboat evidence verify` and keep " +
				"everything as it is until it is clear what was changed.",
			holds: ledgerNotVerifying,
		},
		{
			Name: "LifeboatBlind", Severity: status.Warning, For: blindFor, Labels: []string{"source"},
			Expr:      `max by (source) (lifeboat_unread) == 1`,
			Condition: "something can't be read for ten minutes",
			Summary:   "Not everything can be read of what Lifeboat watches: {source}",
			Description: "What is not read is not known to be well: its alerts stay as they were. `lifeboat status` says " +
				"what could not be read and why.",
			holds: blind,
		},
	}
}

func notWatching(r status.Report, now time.Time) []found {
	if now.Sub(r.At) <= reportAge {
		return nil
	}
	if r.At.IsZero() {
		// No report at all: nobody needs to wait to be sure.
		return []found{{detail: "there is no report at all", since: now.Add(-notWatchingFor)}}
	}
	return []found{{detail: "the last report is of " + r.At.UTC().Format(time.RFC3339), since: r.At.Add(reportAge)}}
}

func storeUnreachable(r status.Report, _ time.Time) []found {
	var out []found
	for _, s := range r.Stores {
		if !s.Usable {
			out = append(out, found{labels: labelled("store", s.Name), detail: s.Problem})
		}
	}
	return out
}

func ledgerNotVerifying(r status.Report, now time.Time) []found {
	l := r.Ledger
	switch {
	case !l.Kept:
		return nil
	case !l.Verifies && l.Problem != "":
		return []found{{detail: l.Problem}}
	case l.VerifiedAt.IsZero() && now.Sub(r.Since) > ledgerAge:
		return []found{{detail: "it could never be read whole"}}
	case !l.VerifiedAt.IsZero() && now.Sub(l.VerifiedAt) > ledgerAge:
		return []found{{detail: "it was last verified at " + l.VerifiedAt.UTC().Format(time.RFC3339)}}
	}
	return nil
}

const (
	// maxBlind is how many of the lines about one source an alert repeats.
	maxBlind = 3
	// maxSource is how long the name of a source may be, in bytes.
	maxSource = 120
)

// Source is what a line of a report's Blind is about: what stands before its
// first colon. It stays the same while the reason changes.
func Source(line string) string {
	source, _, _ := strings.Cut(line, ": ")
	if len(source) > maxSource {
		source = strings.ToValidUTF8(source[:maxSource], "")
	}
	return source
}

func blind(r status.Report, _ time.Time) []found {
	var sources []string
	reasons := map[string][]string{}
	for _, line := range r.Blind {
		source := Source(line)
		if reasons[source] == nil {
			sources = append(sources, source)
		}
		reason := strings.TrimPrefix(strings.TrimPrefix(line, source), ": ")
		reasons[source] = append(reasons[source], reason)
	}
	out := make([]found, 0, len(sources))
	for _, source := range sources {
		lines := reasons[source]
		detail := strings.Join(lines[:min(len(lines), maxBlind)], "; ")
		if len(lines) > maxBlind {
			detail += "; and more"
		}
		out = append(out, found{labels: labelled("source", source), detail: detail})
	}
	return out
}
