package surface

import (
	"fmt"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

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
	var wrong []Problem
	if setting, text := c.Problem(); text != "" {
		wrong = append(wrong, Problem{setting, text})
	}
	all := slices.Contains(c.Namespaces, allNamespaces)
	if all && len(c.Namespaces) > 1 {
		wrong = append(wrong, Problem{"namespaces", `namespaces has "*", which stands for all of them, beside others`})
	}
	for _, name := range c.Namespaces {
		if !(name == allNamespaces || namespaceName.MatchString(name)) {
			wrong = append(wrong, Problem{"namespaces", fmt.Sprintf("%q is no name of a namespace", name)})
		}
	}
	if _, err := labels.Parse(c.LabelSelector); err != nil {
		wrong = append(wrong, Problem{"labelSelector", fmt.Sprintf("labelSelector %q can't be read: write it as kubectl -l takes it", c.LabelSelector)})
	}
	for _, name := range c.ExcludeResources {
		if !resourceName.MatchString(name) {
			wrong = append(wrong, Problem{"excludeResources", fmt.Sprintf("%q of excludeResources must be like PLURAL or PLURAL.GROUP, in lower case", name)})
		}
	}
	return wrong
}

// allNamespaces stands for every namespace.
const allNamespaces = "*"

var (
	// namespaceName is a label of RFC 1123, as the names of namespaces are.
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	resourceName  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)
