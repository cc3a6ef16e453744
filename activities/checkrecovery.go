package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// CheckRecoveryInput names what was recovered.
type CheckRecoveryInput struct {
	RecoveryRef
	Reached Reached `json:"reached"`
}

// RecoveryCheck is one thing that was looked at.
type RecoveryCheck struct {
	Name string `json:"name"`
	// Result says in words what was found.
	Result string `json:"result"`
	// Outcome is empty where all is well, drill.Warn where something could not be
	// looked at, and drill.Fail where what was recovered is not what the surface names.
	Outcome string `json:"outcome,omitempty"`
}

// RecoveryChecked is what was found.
type RecoveryChecked struct {
	Checks  []RecoveryCheck `json:"checks"`
	Reached Reached         `json:"reached"`
}

// CheckRecovery looks at what was recovered: that its tables and indexes are
// whole, which moment the source had marked last, and that nothing later than
// the target is there.
func (a *Activities) CheckRecovery(ctx context.Context, in CheckRecoveryInput) (RecoveryChecked, error) {
	p := startPulse(ctx, "check what was recovered", 0)
	defer p.end()
	out := RecoveryChecked{Reached: in.Reached, Checks: []RecoveryCheck{
		{Name: "backup manifest", Result: "every file of the base backup has the size and the checksum that PostgreSQL noted"},
	}}
	server, err := a.Environment.Get(in.RestoreID)
	if err != nil {
		return out, err
	}
	target := in.Plan.Target
	if target.Kind == pitr.AtTime && in.Reached.Time.After(target.Time) {
		return out, fault.New(fault.Mismatch, "a transaction of %s is there, and %s was asked for",
			in.Reached.Time.UTC().Format(timeLayout), target.Time.UTC().Format(timeLayout))
	}
	databases, err := databasesOf(ctx, server.URL)
	if err != nil {
		return out, err
	}
	check, err := amcheck(ctx, server, databases)
	if err != nil {
		return out, err
	}
	out.Checks = append(out.Checks, check)
	u, err := a.IsolatedURL(in.Surface, server.URL)
	if err != nil {
		return out, err
	}
	absent, err := absentFrom(databases, u)
	if err != nil {
		return out, err
	}
	if absent != "" {
		out.Checks = append(out.Checks, RecoveryCheck{Name: "database", Result: absent, Outcome: drill.Fail})
		return out, nil
	}
	// It is zero for a target that is no time.
	check, err = a.markedAt(ctx, in.Surface, u, target.Time, &out.Reached)
	if err == nil && check.Name != "" {
		out.Checks = append(out.Checks, check)
	}
	return out, err
}

// absentFrom says that the database in the URL is none of those that were
// recovered: it may have been made later than the target. It is empty when it is one.
func absentFrom(databases []string, u secret.String) (string, error) {
	config, err := pgx.ParseConfig(u.Reveal())
	if err != nil {
		return "", fault.New(fault.Internal, "the URL of the recovered server is not well-formed")
	}
	if slices.Contains(databases, config.Database) {
		return "", nil
	}
	return fmt.Sprintf("%s, which the surface's URL names, was not there at that moment: connect to one of %s", config.Database, strings.Join(databases, ", ")), nil
}

// markedAt reads the time that the source had written last: how much was lost
// of what there was at the target, unless that is zero, is then measured, not guessed.
func (a *Activities) markedAt(ctx context.Context, surfaceName string, u secret.String, target time.Time, reached *Reached) (RecoveryCheck, error) {
	marker, ok := a.Surfaces[surfaceName].(surface.Marker)
	if !ok {
		return RecoveryCheck{}, nil
	}
	at, err := marker.Marked(ctx, surface.Target{URL: u})
	if fault.Is(err, fault.Missing) {
		return RecoveryCheck{}, nil
	}
	if err != nil {
		return RecoveryCheck{}, err
	}
	reached.Marker = at.UTC()
	result := "the source had written the time " + at.UTC().Format(timeLayout)
	if !target.IsZero() {
		loss := target.Sub(at).Seconds()
		reached.LossSeconds = &loss
		result += fmt.Sprintf(", %v before the moment asked for", (time.Duration(loss * float64(time.Second))).Round(time.Millisecond))
	}
	return RecoveryCheck{Name: "marker", Result: result}, nil
}
