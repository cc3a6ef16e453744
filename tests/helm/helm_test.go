// Package helm tests the chart with Helm itself: what it renders from each set
// of values, and what it refuses. Against a Kubernetes control plane, a server
// takes all of it, and the accounts may do what they should and nothing else.
package helm_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var update = flag.Bool("update", false, "write what is made from the chart anew")

// kubeVersion is what templates are told of the cluster, where there is none to ask.
const kubeVersion = "1.36.0"

// values is a set of values that the chart is tried with.
type values struct {
	name string
	// arguments choose them, relative to the chart's folder.
	arguments []string
}

func allValues(t *testing.T) []values {
	t.Helper()
	out := []values{{"support", []string{"-f", "values-support.yaml", "--set", "backup.storage.bucket=velero"}}}
	files, err := filepath.Glob(filepath.Join(chart(t), "ci", "*-values.yaml"))
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d sets of values: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		out = append(out, values{name, []string{"-f", filepath.Join("ci", filepath.Base(file))}})
	}
	return out
}

func chart(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(servers.Root(t), "deploy", "helm", "lifeboat")
	if err := looked(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// looked looks at each file of the chart, once. Helm reads them in a process of
// its own, and the go command would take results for good that are of other files.
func looked(dir string) error {
	lookOnce.Do(func() {
		lookErr = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			_, err = os.ReadFile(file)
			return err
		})
	})
	return lookErr
}

var (
	lookOnce sync.Once
	lookErr  error
)

// run runs Helm in the chart's folder, away from whatever configuration the user has.
func run(t *testing.T, arguments ...string) (output string, err error) {
	t.Helper()
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), servers.Tool(t, "helm"), arguments...)
	command.Dir = chart(t)
	command.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "HOME="+home, "KUBECONFIG=")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return string(out), errors.New(strings.TrimSpace(stderr.String()) + string(out))
	}
	return string(out), nil
}

// render is what the chart makes of a set of values, as release "dalp" in a namespace.
func render(t *testing.T, namespace string, of values) string {
	t.Helper()
	out, err := run(t, append([]string{"template", "dalp", ".", "-n", namespace, "--kube-version", kubeVersion}, of.arguments...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// objects are the resources in what was rendered.
func objects(t *testing.T, rendered string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(rendered), 4096)
	for {
		content := map[string]any{}
		if err := decoder.Decode(&content); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("read what was rendered: %v", err)
		}
		if len(content) > 0 {
			out = append(out, &unstructured.Unstructured{Object: content})
		}
	}
}

// same compares a text with a file, or writes it there with -update.
func same(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	there, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: make it by `go test ./tests/helm -update`", err)
	}
	if string(there) == text {
		return
	}
	got, want := strings.Split(text, "\n"), strings.Split(string(there), "\n")
	line := 0
	for line < min(len(got), len(want)) && got[line] == want[line] {
		line++
	}
	at := func(lines []string) string {
		return strings.Join(lines[min(line, len(lines)):min(line+3, len(lines))], "\n")
	}
	t.Errorf("%s differs from line %d on; if that is right, `go test ./tests/helm -update`. Now:\n%s\nbefore:\n%s",
		filepath.Base(file), line+1, at(got), at(want))
}

func TestTheChartIsWellFormed(t *testing.T) {
	t.Parallel()
	for _, of := range allValues(t) {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, append([]string{"lint", ".", "--strict", "--kube-version", kubeVersion}, of.arguments...)...)
			if err != nil || !strings.Contains(out, "0 chart(s) failed") {
				t.Errorf("%s\n%v", out, err)
			}
		})
	}
}

func TestTheChartRenders(t *testing.T) {
	t.Parallel()
	for _, of := range allValues(t) {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			same(t, filepath.Join("testdata", of.name+".yaml"), withoutFiles(render(t, "shop", of)))
		})
	}
}

// withoutFiles leaves out the contents of the rules and of the dashboard, which
// are files of their own that other tests look at.
func withoutFiles(rendered string) string {
	documents := strings.Split(rendered, "\n---\n")
	for i, document := range documents {
		for _, begin := range []string{"\nkind: PrometheusRule\n", "  lifeboat.json: |-\n"} {
			if !strings.Contains(document, begin) {
				continue
			}
			if head, _, found := strings.Cut(document, "\nspec:\n"); found {
				documents[i] = head + "\nspec: {} # the file"
			}
			if head, _, found := strings.Cut(document, "\ndata:\n"); found {
				documents[i] = head + "\ndata: {} # the file"
			}
		}
	}
	return strings.Join(documents, "\n---\n")
}
