package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func (a *app) environmentCommand() *cobra.Command {
	return group("environment", "List and stop what points were restored into, and the programs of drills", a.environmentList(), a.environmentShow(), a.environmentStop())
}

func (a *app) environmentList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List isolated servers, and the programs of drills", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
				s.Address = listening(s.Address)
				shown = append(shown, s)
				rows = append(rows, []string{s.ID, s.Kind, s.Address, s.Surface, s.Point})
			}
			for _, p := range programs {
				shown = append(shown, p)
				rows = append(rows, []string{p.ID, p.Kind + " " + p.Name + ", " + p.State, "", "", ""})
			}
			// A cluster that can't be reached does not hide what stands on this host; the command fails all the same.
			places, failed := placesOf(cmd.Context(), c)
			for _, p := range places {
				shown = append(shown, p)
				rows = append(rows, []string{p.ID, p.Kind, p.Address, p.Surface, ""})
			}
			printed := a.show(shown, func() error {
				return a.table([]string{"ID", "KIND", "ADDRESS", "SURFACE", "POINT"}, rows)
			})
			return cmp.Or(failed, printed)
		},
	}
}

// listening is the address of a server; nothing while it is made, and has no port yet.
func listening(address string) string {
	if strings.HasSuffix(address, ":0") {
		return ""
	}
	return address
}

// listedPlace is a place that a point was restored into, beside the servers of this host.
type listedPlace struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Address string `json:"address"`
	Surface string `json:"surface"`
	// url is what checks and programs are told of it.
	url string
}

// placesOf lists the places of all surfaces that have any. Those of a cluster
// that can't be reached are missing; the error says so.
func placesOf(ctx context.Context, c *config.Config) ([]listedPlace, error) {
	places, err := worker.Places(c)
	if err != nil {
		return nil, err
	}
	var out []listedPlace
	var failed []error
	for _, surface := range sortedNames(places) {
		ids, err := places[surface].IDs(ctx)
		if err != nil {
			failed = append(failed, fault.While(err, "list the places of %s", surface))
		}
		for _, id := range ids {
			// Surfaces may share an environment: a place is listed once.
			if slices.ContainsFunc(out, func(p listedPlace) bool { return p.ID == id }) {
				continue
			}
			listed := listedPlace{ID: id, Kind: c.Surfaces[surface].Kind, Surface: surface}
			made, err := places[surface].Find(ctx, id)
			switch {
			case err == nil:
				listed.Address, listed.url = made.Address, made.URL.Reveal()
			case fault.Is(err, fault.Missing):
				listed.Address = "partly removed"
			default:
				failed = append(failed, fault.While(err, "look at the place %s", id))
				continue
			}
			out = append(out, listed)
		}
	}
	return out, errors.Join(failed...)
}

// removePlaces removes the places of one restore, or of all of a drill, and
// reports whether there were any. What can't be reached keeps it from nothing else.
func removePlaces(ctx context.Context, c *config.Config, id string) (bool, error) {
	places, err := worker.Places(c)
	if err != nil {
		return false, err
	}
	found := false
	var failed []error
	for _, surface := range sortedNames(places) {
		ids, err := places[surface].IDs(ctx)
		failed = append(failed, fault.While(err, "list the places of %s", surface))
		for _, place := range ids {
			if drillID, ok := activities.DrillOfServer(place); place != id && (!ok || drillID != id) {
				continue
			}
			found = true
			failed = append(failed, fault.While(places[surface].Remove(ctx, place), "remove the place %s of %s", place, surface))
		}
	}
	return found, errors.Join(failed...)
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
			removed, failed := removePlaces(cmd.Context(), c, args[0])
			if err := stopEnvironment(cmd.Context(), environments, args[0]); err != nil && (!removed || !fault.Is(err, fault.Missing)) {
				return cmp.Or(failed, err)
			}
			if failed != nil {
				return failed
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
