// Package kubernetes protects namespaces of a Kubernetes cluster: every
// namespaced resource that may be read, custom ones too, and those of the
// cluster that they need. What is in volumes is not in it.
//
// Kubernetes has no view of several types at one moment. Each type is read as
// it was at one resource version, from the first page of its list to the last;
// a list whose version the API server gives up in the middle is read anew. Types are
// read one after the other, so that an object of a later type may have been
// changed after one of an earlier type was read.
package kubernetes

import (
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Kind is the name of this surface in the configuration.
const Kind = surface.KindKubernetes

// allNamespaces stands for every namespace that is there.
const allNamespaces = "*"

// Surface is some or all namespaces of a cluster. It implements
// surface.Surface, surface.Namespaced, surface.Scoper, surface.Differ and surface.Observed.
type Surface struct {
	name   string
	config surface.Cluster
	// signs are what was last seen of what is looked at seldom.
	signs signs
}

// New makes a surface of a cluster's settings. It connects to nothing; it fails
// with fault.Invalid for settings that say nothing, or something wrong.
func New(name string, c surface.Config) (*Surface, error) {
	if c.Kind != Kind {
		return nil, fault.New(fault.Invalid, "surface %s is of kind %s, not %s", name, c.Kind, Kind)
	}
	for _, p := range c.Problems() {
		return nil, fault.New(fault.Invalid, "surface %s: %s", name, p.Text)
	}
	s := &Surface{name: name, config: c.Cluster}
	s.config.Namespaces = slices.Clone(c.Namespaces)
	return s, nil
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return Kind }

// connect makes a client of the source.
func (s *Surface) connect() (*clients.Client, error) {
	client, err := clients.Connect(s.config.Config)
	return client, fault.While(err, "surface %s", s.name)
}

// Examine implements surface.Surface. Everything is known from dumping.
func (s *Surface) Examine(context.Context, surface.Source) (surface.Fingerprint, error) {
	return nil, nil
}
