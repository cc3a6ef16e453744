package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
)

func (a *app) environmentCommand() *cobra.Command {
	return group("environment", "List and stop the isolated servers on this host", a.environmentList(), a.environmentStop())
}

func (a *app) environmentList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List isolated servers", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			servers, err := local.New(c.DataDir).List()
			if err != nil {
				return err
			}
			if servers == nil {
				servers = []local.Server{}
			}
			return a.show(servers, func() error {
				rows := make([][]string, len(servers))
				for i, s := range servers {
					rows[i] = []string{s.ID, s.Kind, s.Address, s.Surface, s.Point}
				}
				return a.table([]string{"ID", "KIND", "ADDRESS", "SURFACE", "POINT"}, rows)
			})
		},
	}
}

func (a *app) environmentStop() *cobra.Command {
	return &cobra.Command{
		Use: "stop ID", Short: "Stop an isolated server and remove its data", Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			environments := local.New(c.DataDir)
			if _, err := environments.Get(args[0]); err != nil {
				return err
			}
			if err := environments.Stop(cmd.Context(), args[0]); err != nil {
				return err
			}
			return a.show(map[string]string{"id": args[0], "state": "stopped"}, func() error {
				_, err := fmt.Fprintf(a.out, "stopped %s\n", args[0])
				return err
			})
		},
	}
}
