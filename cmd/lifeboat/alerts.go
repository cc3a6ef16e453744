package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/notify"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

func (a *app) alertsCommand() *cobra.Command {
	return group("alerts", "List what fires, and try the channels that are told", a.alertsList(), a.alertsTest())
}

func (a *app) alertsList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the alerts that fire or are about to, the worst first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.joined(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			report, err := s.launcher.Status(cmd.Context())
			if err != nil {
				return err
			}
			alerts := nonNil(apiserver.Watched(report, time.Now()).Alerts)
			return a.show(alerts, func() error { return a.alertsTable(alerts) })
		},
	}
}

func (a *app) alertsTable(alerts []status.Alert) error {
	rows := make([][]string, len(alerts))
	for i, alert := range alerts {
		rows[i] = []string{alert.State, alert.Severity, when(alert.Since), alert.Rule, labelsOf(alert), alert.Summary}
	}
	return a.table([]string{"STATE", "SEVERITY", "SINCE", "ALERT", "ABOUT", "SUMMARY"}, rows)
}

// labelsOf says what an alert is about.
func labelsOf(a status.Alert) string {
	pairs := make([]string, 0, len(a.Labels))
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		pairs = append(pairs, name+"="+a.Labels[name])
	}
	return strings.Join(pairs, " ")
}

// told is what `alerts test` prints as JSON.
type told struct {
	Channel string `json:"channel"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
}

func (a *app) alertsTest() *cobra.Command {
	return &cobra.Command{
		Use: "test CHANNEL", Short: "Send a message to a channel that says that it is a test", Args: exactly("CHANNEL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			channel, err := activities.OpenChannel(c, args[0])
			if err != nil {
				return usageError{err}
			}
			m := notify.Message{ID: "msg_test_" + seal.RandomID(16), At: time.Now().UTC(), Pages: c.Alerts.Links, Test: true}
			if err := channel.Send(cmd.Context(), m); err != nil {
				return fault.While(err, "channel %s", args[0])
			}
			out := told{Channel: args[0], Kind: c.Alerts.Channels[args[0]].Kind, ID: m.ID}
			return a.show(out, func() error {
				_, err := fmt.Fprintf(a.out, "channel %s (%s) took the message: see that it arrived\n", out.Channel, out.Kind)
				return err
			})
		},
	}
}
