package drill

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Helm is a release on a cluster, and the files of a restored Git repository
// that its values should come from. What was given to Helm by --set or from
// elsewhere is in no file, and a rebuilt system would lack it.
type Helm struct {
	// Files are those that Helm is given by --values, in that order: paths from
	// the top of the repository. A later one wins.
	Files []string `yaml:"files" json:"files"`
	// Release and Namespace name the release; Namespace may hold placeholders,
	// as {{shop.namespace}}, and is that of the context when it is empty.
	Release   string `yaml:"release" json:"release"`
	Namespace string `yaml:"namespace" json:"namespace,omitempty"`
	// Kubeconfig and Context say on which cluster; they may hold placeholders.
	Kubeconfig string `yaml:"kubeconfig" json:"kubeconfig,omitempty"`
	Context    string `yaml:"context" json:"context,omitempty"`
	// Ignore names values that are supplied beside Git on purpose, such as those
	// from a vault, each with everything below it: image.tag, hosts[0].
	Ignore []string `yaml:"ignore" json:"ignore,omitempty"`
}

func (h *Helm) problems(p *problems) {
	if len(h.Files) == 0 {
		p.add("helm.files must be set: the files with values, in the order in which Helm is given them")
	}
	for i, file := range h.Files {
		clean := path.Clean(file)
		if file == "" || clean == "." || path.IsAbs(file) || clean == ".." || strings.HasPrefix(clean, "../") {
			p.add("helm.files: %q must be relative to the top of the repository, such as values.yaml", file)
		} else if slices.Contains(h.Files[:i], file) {
			p.add("helm.files: %q is listed before", file)
		}
	}
	p.need("helm.release", h.Release)
	if strings.Trim(h.Release, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || len(h.Release) > 53 {
		p.add("helm.release %q must be the name of a Helm release", h.Release)
	}
	if h.Kubeconfig != "" && !templated(h.Kubeconfig) && !filepath.IsAbs(h.Kubeconfig) {
		p.add("helm.kubeconfig must be an absolute path")
	}
	if slices.ContainsFunc(h.Ignore, func(one string) bool { return strings.TrimSpace(one) == "" }) {
		p.add("helm.ignore must name values, such as image.tag")
	}
}
