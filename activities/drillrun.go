package activities

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/reconcile"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// servers are the restored servers of a drill, by surface.
func (a *Activities) servers(ctx context.Context, refs []ServerRef) (map[string]drill.Server, error) {
	out := make(map[string]drill.Server, len(refs))
	for _, ref := range refs {
		restored, err := a.find(ctx, ref)
		if err != nil {
			return nil, fault.While(err, "what was restored of %s", ref.Surface)
		}
		out[ref.Surface] = drill.Server{Kind: restored.kind, URL: restored.url}
	}
	return out, nil
}

// item finds an item of the plan by its name.
func item[T any](ref DrillRef, all []T, name string, nameOf func(T) string) (T, error) {
	for _, one := range all {
		if nameOf(one) == name {
			return one, nil
		}
	}
	var none T
	return none, fault.New(fault.Conflict, "plan %s has no %q any more: run the drill again", ref.Plan, name)
}

// Sanitise runs one sanitising rule on a restored database, in one transaction.
func (a *Activities) Sanitise(ctx context.Context, in NamedStep) (drill.Sanitised, error) {
	p := startPulse(ctx, "sanitise: "+in.Name, 0)
	defer p.end()
	plan, err := a.planOf(in.DrillRef)
	if err != nil {
		return drill.Sanitised{}, err
	}
	rule, err := item(in.DrillRef, plan.Sanitize, in.Name, func(s drill.Sanitize) string { return s.Name })
	if err != nil {
		return drill.Sanitised{}, err
	}
	servers, err := a.servers(ctx, in.Servers)
	if err != nil {
		return drill.Sanitised{}, err
	}
	out := drill.Sanitised{Name: rule.Name, Surface: rule.Surface, Digest: seal.SHA256([]byte(rule.SQL))}
	out.Rows, err = execute(ctx, servers[rule.Surface].URL, rule.SQL)
	return out, fault.While(err, "sanitising rule %s on %s", rule.Name, rule.Surface)
}

// execute runs statements in one transaction, and counts the rows that they changed.
func execute(ctx context.Context, u secret.String, sql string) (rows int64, err error) {
	conn, err := pgx.Connect(ctx, u.Reveal())
	if err != nil {
		return 0, fault.New(fault.Unavailable, "the restored server does not answer")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		results := tx.Conn().PgConn().Exec(ctx, sql)
		for results.NextResult() {
			tag, err := results.ResultReader().Close()
			if err != nil {
				break
			}
			rows += tag.RowsAffected()
		}
		return results.Close()
	})
	if ctx.Err() != nil {
		return rows, ctx.Err()
	}
	return rows, fault.Wrap(fault.Invalid, err, "run the SQL")
}

// Tried is what was tried against the restored servers, and what they are.
type Tried struct {
	Attempts []drill.Attempt `json:"attempts"`
	// Servers are their kinds and versions, such as "postgres 15.18", by drill.PartServer and the surface.
	Servers map[string]string `json:"servers,omitempty"`
}

// TryIsolation tries to get at the restored servers from outside, and notes their versions.
func (a *Activities) TryIsolation(ctx context.Context, in DrillStep) (Tried, error) {
	p := startPulse(ctx, "try to get in from outside", 0)
	defer p.end()
	out := Tried{Attempts: []drill.Attempt{}, Servers: map[string]string{}}
	for _, ref := range in.Servers {
		restored, err := a.find(ctx, ref)
		if err != nil {
			return out, fault.While(err, "what was restored of %s", ref.Surface)
		}
		out.Servers[drill.PartServer+ref.Surface] = strings.TrimSpace(restored.kind + " " + restored.version)
		tried, err := a.tryFrom(ctx, ref, restored)
		if err != nil {
			return out, fault.While(err, "try the isolation of %s", ref.Surface)
		}
		for _, attempt := range tried {
			attempt.What = ref.Surface + ": " + attempt.What
			out.Attempts = append(out.Attempts, attempt)
		}
	}
	return out, nil
}

// StartProgram starts one of the application's own programs on what was restored.
func (a *Activities) StartProgram(ctx context.Context, in NamedStep) (drill.Started, error) {
	p := startPulse(ctx, "start "+in.Name, 0)
	defer p.end()
	out := drill.Started{Name: in.Name, Result: drill.Pass}
	plan, err := a.planOf(in.DrillRef)
	if err != nil {
		return out, err
	}
	program, err := item(in.DrillRef, plan.Start, in.Name, func(p drill.Program) string { return p.Name })
	if err != nil {
		return out, err
	}
	servers, err := a.servers(ctx, in.Servers)
	if err != nil {
		return out, err
	}
	if program, err = expanded(program, servers, in.DrillID); err != nil {
		return out, err
	}
	if err := a.reach(ctx, program.Reaches()); err != nil {
		return out, err
	}
	state, err := a.Environment.StartProgram(ctx, in.DrillID, program)
	out.LogDigest, out.Detail = state.LogDigest, state.State
	return out, err
}

// expanded puts what was restored into a program's placeholders.
func expanded(p drill.Program, servers map[string]drill.Server, drillID string) (drill.Program, error) {
	out := p
	out.Command = make([]string, len(p.Command))
	for i, word := range p.Command {
		value, err := check.Expand(word, servers, drillID)
		if err != nil {
			return p, fault.While(err, "command of program %s", p.Name)
		}
		out.Command[i] = value.Reveal()
	}
	out.Env = make(map[string]secret.String, len(p.Env))
	for name, text := range p.Env {
		value, err := check.Expand(text.Reveal(), servers, drillID)
		if err != nil {
			return p, fault.While(err, "variable %s of program %s", name, p.Name)
		}
		out.Env[name] = value
	}
	ready, err := check.Expand(p.Ready, servers, drillID)
	out.Ready = ready.Reveal()
	return out, fault.While(err, "ready of program %s", p.Name)
}

// HealthCheck makes one attempt of a check. One that failed is an error as long
// as there are attempts left, so that it is made again; the last one is the result.
func (a *Activities) HealthCheck(ctx context.Context, in NamedStep) (drill.CheckResult, error) {
	p := startPulse(ctx, "check "+in.Name, 0)
	defer p.end()
	plan, err := a.planOf(in.DrillRef)
	if err != nil {
		return drill.CheckResult{}, err
	}
	c, err := item(in.DrillRef, plan.Checks, in.Name, func(c drill.Check) string { return c.Name })
	if err != nil {
		return drill.CheckResult{}, err
	}
	servers, err := a.servers(ctx, in.Servers)
	if err != nil {
		return drill.CheckResult{}, err
	}
	if err := a.reach(ctx, filled(c.Reaches(), servers, in.DrillID)); err != nil {
		return drill.CheckResult{}, err
	}
	runner := check.Runner{Servers: servers, DrillID: in.DrillID, Secrets: a.Config.PlanSecrets(in.Plan)}
	got := runner.Try(ctx, c)
	if ctx.Err() != nil {
		return got, ctx.Err()
	}
	got.Attempts = int(activity.GetInfo(ctx).Attempt)
	if got.Result == drill.Fail && got.Attempts < in.Attempts {
		return got, fault.New(fault.Unavailable, "%s", cmp.Or(got.Detail, fmt.Sprintf("expected %s, observed %s", got.Expected, got.Observed)))
	}
	return got, nil
}

// ReconcileState makes one attempt of a reconciliation. The other side may be
// out of reach for a while; a wrong answer is a result.
func (a *Activities) ReconcileState(ctx context.Context, in NamedStep) (drill.Reconciliation, error) {
	p := startPulse(ctx, "reconcile "+in.Name, 0)
	defer p.end()
	plan, err := a.planOf(in.DrillRef)
	if err != nil {
		return drill.Reconciliation{}, err
	}
	r, err := item(in.DrillRef, plan.Reconcile, in.Name, func(r drill.Reconcile) string { return r.Name })
	if err != nil {
		return drill.Reconciliation{}, err
	}
	servers, err := a.servers(ctx, in.Servers)
	if err != nil {
		return drill.Reconciliation{}, err
	}
	if err := a.reach(ctx, r.Reaches()); err != nil {
		return drill.Reconciliation{}, err
	}
	moments := make(map[string]time.Time, len(in.Servers))
	for _, ref := range in.Servers {
		moments[ref.Surface] = ref.Moment
	}
	runner := reconcile.Runner{Servers: servers, Stores: a.Stores, Moments: moments, Expand: func(text string) (secret.String, error) {
		return check.Expand(text, servers, in.DrillID)
	}}
	return runner.Run(ctx, r)
}

// TearDown stops everything of a drill's environment and removes it. What is
// there still afterwards is returned, and is nothing.
func (a *Activities) TearDown(ctx context.Context, in DrillStep) ([]string, error) {
	p := startPulse(ctx, "remove the environment", 0)
	defer p.end()
	return a.tearDown(ctx, in)
}

func (a *Activities) tearDown(ctx context.Context, in DrillStep) ([]string, error) {
	if err := a.Environment.StopGroup(ctx, in.DrillID); err != nil {
		return nil, fault.While(err, "stop the programs of drill %s", in.DrillID)
	}
	var ids []string
	for _, ref := range in.Servers {
		if _, placed := a.Places[ref.Surface]; !placed {
			ids = append(ids, ref.RestoreID)
		}
		if err := a.stopAll(ctx, ref); err != nil {
			return nil, fault.While(err, "remove what was restored of %s", ref.Surface)
		}
	}
	left, err := a.Environment.Leftovers(ids, in.DrillID)
	if err != nil {
		return nil, err
	}
	for i, path := range left {
		if rel, err := filepath.Rel(a.Config.DataDir, path); err == nil {
			left[i] = rel
		}
	}
	inPlaces, err := a.leftOf(ctx, in.Servers)
	return append(left, inPlaces...), err
}
