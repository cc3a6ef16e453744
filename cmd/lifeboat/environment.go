package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
)

func (a *app) environmentCommand() *cobra.Command {
	return group("environment", "List and stop the isolated servers and the programs of drills on this host", a.environmentList(), a.environmentStop())
}

func (a *app) environmentList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List isolated servers, and the programs of drills", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			environments := local.New(c.DataDir)
			servers, err := environments.List()
			if err != nil {
				return err
			}
			programs, err := programsOf(environments)
			if err != nil {
				return err
			}
			shown := []any{}
			var rows [][]string
			for _, s := range servers {
				shown = append(shown, s)
				rows = append(rows, []string{s.ID, s.Kind, s.Address, s.Surface, s.Point})
			}
			for _, p := range programs {
				shown = append(shown, p)
				rows = append(rows, []string{p.ID, p.Kind + " " + p.Name + ", " + p.State, "", "", ""})
			}
			return a.show(shown, func() error {
				return a.table([]string{"ID", "KIND", "ADDRESS", "SURFACE", "POINT"}, rows)
			})
		},
	}
}

// listedProgram is a program of a drill among the servers: ID is the drill's.
type listedProgram struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	State     string    `json:"state"`
	PID       int       `json:"pid,omitempty"`
	Processes []int     `json:"processes,omitempty"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
}

func programsOf(environments *local.Environment) ([]listedProgram, error) {
	groups, err := environments.Groups()
	if err != nil {
		return nil, err
	}
	var out []listedProgram
	for _, drillID := range groups {
		programs, err := environments.Programs(drillID)
		if err != nil {
			return nil, err
		}
		for _, p := range programs {
			out = append(out, listedProgram{
				ID: drillID, Kind: "program", Name: p.Name, State: p.State, PID: p.PID, Processes: p.Processes, CreatedAt: p.StartedAt,
			})
		}
	}
	return out, nil
}

func (a *app) environmentStop() *cobra.Command {
	return &cobra.Command{
		Use: "stop ID", Short: "Stop an isolated server, or all servers and programs of a drill, and remove their data", Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			environments := local.New(c.DataDir)
			if err := stopEnvironment(cmd.Context(), environments, args[0]); err != nil {
				return err
			}
			return a.show(map[string]string{"id": args[0], "state": "stopped"}, func() error {
				_, err := fmt.Fprintf(a.out, "stopped %s\n", args[0])
				return err
			})
		},
	}
}

// stopEnvironment stops one server, or everything that is there of a drill.
func stopEnvironment(ctx context.Context, environments *local.Environment, id string) error {
	servers, err := environments.IDs()
	if err != nil {
		return err
	}
	groups, err := environments.Groups()
	if err != nil {
		return err
	}
	stop := slices.DeleteFunc(servers, func(server string) bool {
		drillID, ok := activities.DrillOfServer(server)
		return server != id && (!ok || drillID != id)
	})
	if len(stop) == 0 && !slices.Contains(groups, id) {
		_, err := environments.Get(id)
		return err
	}
	// The programs use the servers.
	if slices.Contains(groups, id) {
		if err := environments.StopGroup(ctx, id); err != nil {
			return err
		}
	}
	for _, server := range stop {
		if err := environments.Stop(ctx, server); err != nil {
			return err
		}
	}
	return nil
}
