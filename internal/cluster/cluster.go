// Package cluster says how Kubernetes clusters and places on them are written
// down, and what the answers of their API servers mean. Package clients connects.
package cluster

import "path/filepath"

// Config says which API server, and who asks it.
type Config struct {
	// Kubeconfig is an absolute path. Empty means that of KUBECONFIG or
	// ~/.kube/config, or else the cluster that Lifeboat itself runs in.
	Kubeconfig string `yaml:"kubeconfig,omitempty" json:"kubeconfig,omitempty"`
	// Context is one of the kubeconfig; empty means its current one.
	Context string `yaml:"context,omitempty" json:"context,omitempty"`
}

// Problem says in a few words what is wrong with the setting that it names;
// both are empty when nothing is.
func (c Config) Problem() (setting, text string) {
	if c.Kubeconfig != "" && !filepath.IsAbs(c.Kubeconfig) {
		return "kubeconfig", "kubeconfig must be an absolute path"
	}
	return "", ""
}
