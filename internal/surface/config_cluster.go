package surface

import "github.com/lifeboat-dr/lifeboat/internal/cluster"

// Cluster are the namespaces of a Kubernetes cluster that a surface is.
type Cluster struct {
	cluster.Config `yaml:",inline"`
	// Namespaces are what is protected, by name; "*" stands for every one that
	// is there when a point is made.
	Namespaces []string `yaml:"namespaces,omitempty" json:"namespaces,omitempty"`
	// LabelSelector limits a point to the resources that it matches, in
	// Kubernetes' own notation; empty for all.
	LabelSelector string `yaml:"labelSelector,omitempty" json:"labelSelector,omitempty"`
	// ExcludeResources are types that no point has, as PLURAL or PLURAL.GROUP,
	// beside those that never are (see docs/kubernetes.md).
	ExcludeResources []string `yaml:"excludeResources,omitempty" json:"excludeResources,omitempty"`
	// Environment is the configured one that its points are restored into;
	// empty means isolated namespaces on the same cluster.
	Environment string `yaml:"environment,omitempty" json:"environment,omitempty"`
}

func (c Cluster) set() bool { return len(c.Namespaces) > 0 }

func (c Cluster) problems() []Problem {
	if setting, text := c.Config.Problem(); text != "" {
		return []Problem{{setting, text}}
	}
	return nil
}
