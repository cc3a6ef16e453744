package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// keyVariable has the token of an API key, for those who act under its name at the command line.
const keyVariable = "LIFEBOAT_KEY"

// person is who acts at the command line.
type person struct {
	// name is that of the key, else that of the account.
	name string
	role apiserver.Role
	// from is the account, and what key its configuration has.
	from drill.CommandLine
}

// person is who acts: the API key in LIFEBOAT_KEY, else the account at the
// command line, who has the configuration and with it every right.
func (a *app) person(ctx context.Context, c *config.Config) (person, error) {
	who := person{name: requester().Requester, role: apiserver.Admin}
	who.from.Account = who.name
	if c.Admin.FirstKey != "" {
		who.from.Holds = apiserver.FirstAdmin
	}
	token := secret.String(os.Getenv(keyVariable))
	if token == "" {
		return who, nil
	}
	keys, err := apiserver.OpenKeys(filepath.Join(c.DataDir, "keys.json"), c.Admin.Keys)
	if err != nil {
		return who, err
	}
	if c.Admin.FirstKey != "" {
		if _, err := keys.EnsureAdmin(ctx, c.Admin.FirstKey); err != nil {
			return who, err
		}
	}
	key, known, err := keys.Recognise(token)
	if err != nil {
		return who, err
	}
	if !known {
		return who, fault.New(fault.Denied, "the key in %s is not known", keyVariable)
	}
	who.name, who.role = key.ID, key.Role
	return who, nil
}

// may refuses who has not the role that something takes.
func (p person) may(role apiserver.Role, what string) error {
	if p.role.Includes(role) {
		return nil
	}
	return fault.New(fault.Denied, "%s takes the role %s, and %s has the role %s", what, role, p.name, p.role)
}

func (a *app) drillManualStep() *cobra.Command {
	in := workflows.ManualStepInput{}
	cmd := &cobra.Command{
		Use: "manual-step ID --text T", Short: "Record something that had to be done by hand", Args: exactly("ID"),
		Long: "Records what was done by hand in a drill that has not been signed. The drill fails unless the plan's runbook, as it was\n" +
			"committed when the drill began, has the step. In a tabletop exercise this ticks a step of the checklist.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			if strings.TrimSpace(in.Text) == "" {
				return usageError{fmt.Errorf("--text is missing: say what was done by hand")}
			}
			who, err := a.person(cmd.Context(), c)
			if err == nil {
				err = who.may(apiserver.Operator, "telling of a manual step")
			}
			if err != nil {
				return err
			}
			in.By, in.CommandLine = who.name, who.from
			s, err := a.connect(cmd.Context(), c, true)
			if err != nil {
				return err
			}
			defer s.close()
			step, err := s.launcher.ManualStep(cmd.Context(), requester(), args[0], in)
			if err != nil {
				return err
			}
			return a.show(step, func() error {
				// The step is recorded, whatever else can be told of it.
				told, _ := s.launcher.DrillState(cmd.Context(), args[0])
				what, known := stepFields(c.Drills[told.Plan], step)
				return a.fields("drill", args[0], "step", step.Text, "by", step.By, "at", when(step.At), what, known)
			})
		},
	}
	cmd.Flags().StringVar(&in.Text, "text", "", "what was done, in the words of the runbook")
	return cmd
}

// stepFields say of a step that was told of where it is written down.
func stepFields(p drill.Plan, step drill.ManualStep) (what, known string) {
	const book = "in the runbook"
	switch {
	case drill.Ticks(p, step):
		return "on the checklist", "yes, and ticked"
	case step.Documented:
		return book, "yes, at commit " + step.Commit
	default:
		return book, "no: the drill fails until the runbook has the step and the drill was repeated"
	}
}

func (a *app) drillSign() *cobra.Command {
	in := workflows.SignOffInput{}
	cmd := &cobra.Command{
		Use: "sign ID --statement S", Short: "Sign a drill off, or refuse to", Args: exactly("ID"),
		Long: "Signs a drill that has a verdict. Whoever started or operated it can't sign it. The signature is that of the API key whose\n" +
			"token is in " + keyVariable + ", which needs the role approver, else of the account at the command line, where the plan names\n" +
			"no approvers. What was started or done from an account is signed from it only with another person's key.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			if strings.TrimSpace(in.Statement) == "" {
				return usageError{fmt.Errorf("--statement is missing: say what was looked at and decided")}
			}
			who, err := a.person(cmd.Context(), c)
			if err == nil {
				err = who.may(apiserver.Approver, "signing")
			}
			if err != nil {
				return err
			}
			in.Signer, in.Role, in.CommandLine = who.name, string(who.role), who.from
			if who.name == who.from.Account {
				in.Role = drill.RoleAccount
			}
			s, err := a.connect(cmd.Context(), c, true)
			if err != nil {
				return err
			}
			defer s.close()
			result, err := s.launcher.SignOff(cmd.Context(), requester(), args[0], in)
			if err != nil {
				return err
			}
			return a.show(result, func() error { return a.drillFields(result) })
		},
	}
	cmd.Flags().StringVar(&in.Statement, "statement", "", "what was looked at and decided")
	cmd.Flags().BoolVar(&in.Refuse, "refuse", false, "refuse to sign: the drill goes back with a finding")
	return cmd
}

func (a *app) drillCancel() *cobra.Command {
	return &cobra.Command{
		Use: "cancel ID", Short: "Cancel a running drill; it cleans up after itself", Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			who, err := a.person(cmd.Context(), c)
			if err == nil {
				err = who.may(apiserver.Operator, "cancelling a drill")
			}
			if err != nil {
				return err
			}
			s, err := a.connect(cmd.Context(), c, true)
			if err != nil {
				return err
			}
			defer s.close()
			if err := s.launcher.CancelDrill(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.show(map[string]string{"id": args[0], "state": "cancelling"}, func() error {
				return a.fields("id", args[0], "state", "cancelling: see drill show "+args[0])
			})
		},
	}
}

// findingFlags are the flags of drill finding.
type findingFlags struct {
	owner, due, acceptUntil, reason string
}

func (a *app) drillFinding() *cobra.Command {
	f := findingFlags{}
	cmd := &cobra.Command{
		Use: "finding ID FINDING", Short: "Give a finding an owner or a due date, or accept its risk until a date", Args: exactly("ID", "FINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if err := parts.EnsureSigner(); err != nil {
				return err
			}
			_, archive, err := parts.Evidence()
			if err != nil {
				return err
			}
			who, err := a.person(cmd.Context(), parts.Config)
			if err == nil {
				err = who.may(apiserver.Operator, "deciding on a finding")
			}
			if err != nil {
				return err
			}
			decision, err := f.decision(args[1], who, time.Now())
			if err != nil {
				return usageError{err}
			}
			if decision.Accepted != nil {
				if err := who.may(apiserver.Approver, "accepting a risk"); err != nil {
					return err
				}
			}
			d, err := archive.Find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if plan := parts.Config.Drills[d.Plan].SignOff; decision.Accepted != nil && !plan.Admits(who.name) {
				return fault.New(fault.Denied, "the plan lets %s accept the risks of its findings, and not %s", strings.Join(plan.Approvers, ", "), who.name)
			}
			ref := drills.Ref{Plan: d.Plan, ID: d.ID, Actor: who.name, Since: time.Now()}
			if err := archive.DecideFinding(cmd.Context(), ref, decision); err != nil {
				return err
			}
			return a.show(decision, func() error { return a.fields("drill", d.ID, "finding", decision.Finding, "recorded", "yes") })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.owner, "owner", "", "who mends it")
	flags.StringVar(&f.due, "due", "", "until when, as 2006-01-02")
	flags.StringVar(&f.acceptUntil, "accept-until", "", "accept the risk until this day, as 2006-01-02")
	flags.StringVar(&f.reason, "reason", "", "why the risk is accepted")
	return cmd
}

func (f findingFlags) decision(finding string, who person, now time.Time) (drills.FindingDecision, error) {
	out := drills.FindingDecision{Finding: finding, Owner: f.owner, CommandLine: who.from}
	if cmp.Or(f.owner, f.due, f.acceptUntil) == "" {
		return out, fmt.Errorf("say what is decided: --owner, --due or --accept-until")
	}
	var err error
	if f.due != "" {
		if out.Due, err = time.Parse(time.DateOnly, f.due); err != nil {
			return out, fmt.Errorf("--due %q is not a day such as 2006-01-02", f.due)
		}
	}
	if f.acceptUntil == "" {
		return out, nil
	}
	until, err := time.Parse(time.DateOnly, f.acceptUntil)
	switch {
	case err != nil || !until.After(now):
		return out, fmt.Errorf("--accept-until %q is not a day to come, such as 2006-01-02", f.acceptUntil)
	case strings.TrimSpace(f.reason) == "":
		return out, fmt.Errorf("--reason is missing: say why the risk is accepted")
	}
	out.Accepted = &drill.Acceptance{By: who.name, Until: until, Reason: f.reason, At: now.UTC()}
	return out, nil
}
