package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/tracing"
	"github.com/lifeboat-dr/lifeboat/internal/walspool"
)

// The exit codes: scripts rely on them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// app is one call of the command: where it prints, and what the global flags say.
type app struct {
	out, err   io.Writer
	configPath string
	format     string
	verbose    bool
}

// usageError is a wrong call or a wrong configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	a := &app{out: out, err: errOut}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var spooled spoolError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &spooled):
		fmt.Fprintf(errOut, "lifeboat: %s\n", fault.Line(err))
		return walspool.ExitCode(spooled.error)
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "lifeboat: %s\n", fault.Line(err))
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(errOut, "lifeboat: interrupted")
		return exitFailed
	default:
		fmt.Fprintf(errOut, "lifeboat: %s\n", fault.Line(err))
		return exitFailed
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "lifeboat",
		Short:         "Backups that are proven to restore",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true,
		},
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.format != "text" && a.format != "json" {
				return usageError{fmt.Errorf("-o takes text or json, not %q", a.format)}
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", "", "configuration file (default $LIFEBOAT_CONFIG, else ./lifeboat.yaml, else variables alone)")
	flags.StringVarP(&a.format, "output", "o", "text", "output format: text or json")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "log more")
	root.AddCommand(a.upCommand(), a.apiserverCommand(), a.workerCommand(), a.checkCommand(), a.demoCommand(), a.statusCommand(),
		a.snapshotCommand(), a.scheduleCommand(), a.pitrCommand(), a.objectsCommand(), a.drillCommand(), a.evidenceCommand(), a.alertsCommand(), a.walCommand(), a.environmentCommand())
	return root
}

// config loads the configuration, and prints what its reader should know.
func (a *app) config() (*config.Config, error) {
	c, err := config.Load(a.configPath, os.Environ())
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func (a *app) logger() *slog.Logger {
	level := slog.LevelInfo
	if a.verbose {
		level = slog.LevelDebug
	}
	return slog.New(tracing.Handler(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level})))
}

// quietLogger is for commands whose output a person reads: what matters to them
// comes back as the one error that ends the command.
func (a *app) quietLogger() *slog.Logger {
	if a.verbose {
		return a.logger()
	}
	return slog.New(slog.DiscardHandler)
}

// noArgs and exactly refuse other numbers of arguments with the exit code for wrong usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no argument %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())}
	}
	return nil
}

func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("%s takes %d argument(s), %v: see %s --help", cmd.CommandPath(), len(names), names, cmd.CommandPath())}
		}
		return nil
	}
}

// group makes a command that only has sub-commands.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("%s has no command %q: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())}
			}
			return cmd.Help()
		},
	}
	c.AddCommand(sub...)
	return c
}

// asUsage makes bad input from the command line exit as wrong usage.
func asUsage(err error) error {
	if fault.Is(err, fault.Invalid) {
		return usageError{err}
	}
	return err
}
