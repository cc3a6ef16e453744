package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

func (a *app) scheduleCommand() *cobra.Command {
	var reason string
	pause := a.scheduleTurn("pause NAME --reason R", "Let a policy or a plan of drills rest, for a reason",
		func(ctx context.Context, s *session, who person, name string) (apiserver.Schedule, error) {
			if strings.TrimSpace(reason) == "" {
				return apiserver.Schedule{}, usageError{fmt.Errorf("--reason is missing: say why it is paused")}
			}
			return apiserver.PauseSchedule(ctx, s.config, s.launcher, who.request(), name, reason)
		})
	pause.Flags().StringVar(&reason, "reason", "", "why; everybody sees it")
	resume := a.scheduleTurn("resume NAME", "Let a policy or a plan of drills go on",
		func(ctx context.Context, s *session, who person, name string) (apiserver.Schedule, error) {
			return apiserver.ResumeSchedule(ctx, s.config, s.launcher, who.request(), name)
		})
	return group("schedule", "List, pause, resume and run what comes by itself", a.scheduleList(), pause, resume, a.scheduleRun())
}

func (a *app) scheduleList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List policies and plans of drills with their schedules", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.joined(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			all, err := apiserver.Schedules(cmd.Context(), s.config, s.launcher)
			if err != nil {
				return err
			}
			return a.show(all, func() error {
				var rows [][]string
				for _, one := range all {
					rows = append(rows, []string{
						one.Of, one.Name, one.Kind, strings.Join(one.Surfaces, ","), cmp.Or(one.Cron, "-"), stateOf(one),
						cmp.Or(when(one.NextDue), "-"), one.Note,
					})
				}
				return a.table([]string{"OF", "NAME", "KIND", "SURFACES", "CRON", "STATE", "NEXT", "NOTE"}, rows)
			})
		},
	}
}

// stateOf says in a word or two how a schedule stands.
func stateOf(s apiserver.Schedule) string {
	switch {
	case s.Paused:
		return "paused by " + s.PausedBy
	case s.Waiting:
		return "waits for a worker"
	case len(s.Running) > 0:
		return "running"
	case s.Kind == config.KindWAL:
		return "continuous"
	case s.Cron == "":
		return "on demand"
	default:
		return "scheduled"
	}
}

// scheduleTurn is a command that pauses or resumes.
func (a *app) scheduleTurn(use, short string, change func(context.Context, *session, person, string) (apiserver.Schedule, error)) *cobra.Command {
	what, _, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Short: short, Args: exactly("NAME"),
		Long: short + ".\nNAME is that of the policy or the plan; policy:NAME or plan:NAME where both have it. A pause lasts through restarts, until\n" +
			"it is resumed or the configuration changes whether it is paused.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, who, err := a.scheduler(ctx)
			if err != nil {
				return err
			}
			defer s.close()
			now, err := change(ctx, s, who, args[0])
			if err != nil {
				return err
			}
			a.attestSchedule(ctx, who, "schedule."+what, now)
			return a.show(now, func() error {
				return a.fields(now.Of, now.Name, "state", stateOf(now), "note", now.Note, "next", when(now.NextDue))
			})
		},
	}
}

// scheduler is a session for somebody who may change schedules.
func (a *app) scheduler(ctx context.Context) (*session, person, error) {
	c, err := a.config()
	if err != nil {
		return nil, person{}, err
	}
	who, err := a.person(ctx, c)
	if err == nil {
		err = who.may(apiserver.Operator, "changing schedules")
	}
	if err != nil {
		return nil, person{}, err
	}
	s, err := a.connect(ctx, c, false)
	return s, who, err
}

// request is what is asked for in the name of a person.
func (p person) request() launch.Request { return launch.Request{Requester: p.name} }

// attestSchedule puts a change of a schedule into the ledger, where every API
// server shows it. Where that can't be, the schedule's note says who it was.
func (a *app) attestSchedule(ctx context.Context, who person, action string, now apiserver.Schedule) {
	parts, err := a.open(ctx)
	var ledger *evidence.Ledger
	if err == nil {
		ledger, _, err = parts.Evidence()
	}
	if err == nil && !ledger.Writable() {
		err = fault.New(fault.Denied, "there is no key here to sign it with")
	}
	e := audit.Entry{
		Time: time.Now().UTC(), Actor: who.name, Role: string(who.role), Action: action, Target: now.Of + ":" + now.Name,
		Result: audit.Done, Detail: now.Note, RequestID: seal.RandomID(16),
	}
	if err == nil {
		_, err = ledger.Append(ctx, evidence.Entry{
			ID: "audit/" + action + "/" + e.RequestID, Kind: "audit." + action, Actor: e.Actor, Subject: e.Target, Since: e.Time, Body: e,
		})
	}
	if err != nil {
		fmt.Fprintf(a.err, "lifeboat: this is not in the ledger, only in the schedule's note: %s\n", fault.Line(err))
	}
}

func (a *app) scheduleRun() *cobra.Command {
	return &cobra.Command{
		Use: "run NAME", Short: "Do now what a policy or a plan of drills does by its schedule", Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, who, err := a.scheduler(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			_, started, err := apiserver.RunSchedule(cmd.Context(), s.config, s.launcher, who.request(), who.from, args[0])
			if err != nil {
				return err
			}
			return a.started(started)
		},
	}
}
