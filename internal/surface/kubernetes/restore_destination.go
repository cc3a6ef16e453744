package kubernetes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// destination is where a restore goes, and what it may do there.
type destination struct {
	remapper
	client   *clients.Client
	served   *served
	selector selector
	conflict string
	operated operated
}

// destination reads a target. One without a URL is the surface itself, live.
func (s *Surface) destination(t surface.Target) (*destination, error) {
	d := &destination{}
	var err error
	if t.URL == "" {
		d.Place = cluster.Place{Config: s.config.Config}
	} else if d.Place, err = cluster.ParsePlace(t.URL); err != nil {
		return nil, err
	}
	if d.selector, err = newSelector(t.Selection); err != nil {
		return nil, err
	}
	switch d.conflict = t.Conflict; {
	case t.Conflict == "" && t.Replace:
		d.conflict = surface.ConflictUpdate
	case t.Conflict == "":
		d.conflict = surface.ConflictFail
	case !slices.Contains(surface.Conflicts, t.Conflict):
		return nil, fault.New(fault.Invalid, "a restore can't %q what is in its way: choose one of %s", t.Conflict, strings.Join(surface.Conflicts, ", "))
	}
	if d.client, err = clients.Connect(d.Config); err != nil {
		return nil, err
	}
	d.served = &served{client: d.client}
	return d, nil
}

// String names the destination for people.
func (d *destination) String() string {
	if d.isolated() {
		return "environment " + d.ID
	}
	return "the cluster of context " + cmp.Or(d.Context, "(current)")
}
