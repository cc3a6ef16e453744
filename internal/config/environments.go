package config

import isolated "github.com/lifeboat-dr/lifeboat/internal/environment"

// KindKubernetes is the kind of an environment that is namespaces of a cluster.
const KindKubernetes = "kubernetes"

// Environment is where points of surfaces are restored into that need no server
// on a worker's host: namespaces of their own on a cluster.
type Environment struct {
	// Kind is kubernetes.
	Kind             string `yaml:"kind" json:"kind"`
	isolated.Cluster `yaml:",inline"`
}

func (v *validator) environments() {
	for _, name := range sorted(v.c.Environments) {
		e, path := v.c.Environments[name], "environments."+name
		if e.Kind != KindKubernetes {
			v.refuse(path+".kind", "%s.kind %q must be %s", path, e.Kind, KindKubernetes)
			continue
		}
		for _, problem := range e.Problems() {
			v.refuse(path+"."+problem.Setting, "%s: %s", path, problem.Text)
		}
	}
}
