package cnpg

import (
	"fmt"
	"hash/fnv"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// longest is the most that CloudNativePG takes for the name of a Cluster.
const longest = 50

// clusterName is the name of an instance's Cluster: its own, unless that is too
// long; then its beginning, and a sum of the rest.
func clusterName(instance string) string {
	if len(instance) <= longest {
		return instance
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(instance))
	end := fmt.Sprintf("-%08x", sum.Sum32())
	return strings.TrimSuffix(instance[:longest-len(end)], "-") + end
}

// piece is one object of a copy.
type piece struct {
	of     schema.GroupVersionResource
	object *unstructured.Unstructured
}

// mark makes an object with the marks of a copy: the label finds it, the
// annotations say what was asked.
func (s *Service) mark(r managed.Request, apiVersion, kind, name string, content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	maps.Copy(o.Object, content)
	o.SetName(name)
	o.SetLabels(map[string]string{cluster.LabelEnvironment: r.Name, "app.kubernetes.io/managed-by": "lifeboat"})
	o.SetAnnotations(r.Tags(s.source()))
	return o
}

// selector finds what belongs to a copy.
func selector(name string) string { return cluster.LabelEnvironment + "=" + name }

// line makes one line of a text, of a length that a person reads.
func line(text string) string {
	const most = 400
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}
