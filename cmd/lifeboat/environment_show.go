package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// shownServer is a restored server with the URL that lists leave out.
type shownServer struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Surface string `json:"surface,omitempty"`
	Point   string `json:"point,omitempty"`
	Address string `json:"address"`
	// URL has the password of the administrator.
	URL string `json:"url"`
}

func (a *app) environmentShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show how to connect to an isolated server, or to all of a drill, with the password", Args: exactly("ID"),
		Long: "Prints the URL of a restored server with its administrator's password, or those of all servers of a drill whose environment\n" +
			"is kept. They are read from the data folder of this host, which only its owner can read.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			servers, err := serversOf(c, args[0])
			if err != nil && !fault.Is(err, fault.Missing) {
				return err
			}
			places, failed := placesOf(cmd.Context(), c)
			for _, p := range places {
				if drillID, ok := activities.DrillOfServer(p.ID); p.ID == args[0] || ok && drillID == args[0] {
					servers = append(servers, shownServer{ID: p.ID, Kind: p.Kind, Surface: p.Surface, Address: p.Address, URL: p.url})
				}
			}
			if len(servers) == 0 {
				return cmp.Or(failed, err)
			}
			return a.show(servers, func() error {
				for _, s := range servers {
					if err := a.fields("id", s.ID, "kind", s.Kind, "surface", s.Surface, "point", s.Point, "url", s.URL); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// serversOf are the server of an ID, or those of a drill; fault.Missing for none.
func serversOf(c *config.Config, id string) ([]shownServer, error) {
	all, err := local.New(c.DataDir).List()
	if err != nil {
		return nil, err
	}
	var out []shownServer
	for _, s := range all {
		if drillID, ok := activities.DrillOfServer(s.ID); s.ID != id && (!ok || drillID != id) {
			continue
		}
		url, err := (&activities.Activities{Config: c}).IsolatedURL(s.Surface, s.URL)
		if err != nil {
			return nil, err
		}
		out = append(out, shownServer{ID: s.ID, Kind: s.Kind, Surface: s.Surface, Point: s.Point, Address: s.Address, URL: url.Reveal()})
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Missing, "nothing of %s stands on this host: see lifeboat environment list", id)
	}
	return out, nil
}
