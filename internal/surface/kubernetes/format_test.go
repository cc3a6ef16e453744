package kubernetes

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// newObject is one with a spec.
func newObject(resource, version, kind, namespace, name string, rest map[string]any) Object {
	of := schema.ParseGroupResource(resource)
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	body := map[string]any{"apiVersion": schema.GroupVersion{Group: of.Group, Version: version}.String(), "kind": kind, "metadata": metadata}
	maps.Copy(body, rest)
	return Object{Resource: of, Version: version, Namespace: namespace, Name: name, Body: &unstructured.Unstructured{Object: body}}
}

// vector is what testdata/resources.tar holds.
func vector() []Object {
	return []Object{
		newObject("customresourcedefinitions.apiextensions.k8s.io", "v1", "CustomResourceDefinition", "", "widgets.example.com", nil),
		newObject("clusterroles.rbac.authorization.k8s.io", "v1", "ClusterRole", "", "system:reader", map[string]any{"rules": []any{}}),
		newObject("configmaps", "v1", "ConfigMap", "shop", "settings", map[string]any{"data": map[string]any{"a": "<1 & 2>", "ü": "\u2028"}}),
		newObject("deployments.apps", "v1", "Deployment", "shop", "web", map[string]any{
			"spec": map[string]any{"replicas": int64(9007199254740993), "ratio": 0.5},
		}),
		newObject("widgets.example.com", "v1beta1", "Widget", "shop", strings.Repeat("long-", 40)+"name", nil),
	}
}

func written(t testing.TB, objects []Object) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newObjectWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		text, err := encode(o.Body.Object)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.write(o, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(r io.Reader) ([]Object, error) {
	var out []Object
	err := readObjects(r, func(o Object) error { out = append(out, o); return nil })
	return out, err
}

// TestVector compares with bytes that were written once and for all.
func TestVector(t *testing.T) {
	t.Parallel()
	fixed, err := os.ReadFile("testdata/resources.tar")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fixed, written(t, vector())) {
		t.Error("the format is not what it was")
	}
	got, err := read(iotest.OneByteReader(bytes.NewReader(fixed)))
	if diff := cmp.Diff(vector(), got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestUnpackedByHand takes a point apart as anybody can without Lifeboat.
func TestUnpackedByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "tar", "-x", "-C", dir)
	c.Stdin = bytes.NewReader(written(t, vector()))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, file := range []string{
		"resources/deployments.apps/namespaces/shop/web.json",
		"resources/deployments.apps/v1-preferredversion/namespaces/shop/web.json",
		"resources/clusterroles.rbac.authorization.k8s.io/cluster/system:reader.json",
		"metadata/version",
	} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || len(text) == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestErrorsOfOthersComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	if err := readObjects(bytes.NewReader(written(t, vector())), func(Object) error { return own }); !errors.Is(err, own) || fault.Is(err, fault.Corrupt) {
		t.Error(err)
	}
	text := written(t, vector())
	for _, at := range []int{0, 100, 5000, len(text) - 1, len(text)} {
		_, err := read(io.MultiReader(bytes.NewReader(text[:at]), iotest.ErrReader(own)))
		if !errors.Is(err, own) || fault.Is(err, fault.Corrupt) {
			t.Errorf("at %d: %v", at, err)
		}
	}
}

func TestCutOffTarballs(t *testing.T) {
	t.Parallel()
	text := written(t, vector())
	for n := 0; n < len(text); n += 64 {
		if _, err := read(bytes.NewReader(text[:n])); !fault.Is(err, fault.Corrupt) {
			t.Fatalf("cut off after %d bytes: %v", n, err)
		}
	}
	if _, err := read(bytes.NewReader(append(text, make([]byte, 8192)...))); err != nil {
		t.Errorf("with more zeros: %v", err)
	}
	if _, err := read(bytes.NewReader(append(text, 'x'))); !fault.Is(err, fault.Corrupt) {
		t.Errorf("with more: %v", err)
	}
}

// raw writes entries as they are given.
func raw(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range append([]tar.Header{{Name: versionFile, Typeflag: tar.TypeReg, Linkname: versionText}}, entries...) {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
		}
		if h.Size == 0 {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	// What was announced may not all have been written.
	_ = w.Close()
	return out.Bytes()
}

const podText = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"}}`

func TestHostileTarballs(t *testing.T) {
	t.Parallel()
	file := func(name, content string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Linkname: content}
	}
	pod := file("resources/pods/namespaces/n/p.json", podText)
	link := tar.Header{Name: "resources/pods/v1-preferredversion/namespaces/n/p.json", Typeflag: tar.TypeLink, Linkname: pod.Name}
	if got, err := read(bytes.NewReader(raw(t, pod, link))); err != nil || len(got) != 1 {
		t.Fatalf("a good one: %v %v", got, err)
	}
	elsewhere, named := link, link
	elsewhere.Linkname, named.Name = "/etc/passwd", "resources/pods/v2-preferredversion/namespaces/n/p.json"
	for name, entries := range map[string][]tar.Header{
		"no link":          {pod},
		"a link alone":     {link},
		"twice":            {pod, link, pod, link},
		"a link elsewhere": {pod, elsewhere},
		"another version":  {pod, named},
		"a folder":         {{Name: "resources/", Typeflag: tar.TypeDir}},
		"a symbolic link":  {{Name: pod.Name, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}},
		"a second version": {file(versionFile, versionText)},
		"a huge object":    {{Name: pod.Name, Typeflag: tar.TypeReg, Size: 1 << 40}},
		"no JSON":          {file(pod.Name, "{"), link},
		"no object":        {file(pod.Name, "null"), link},
		"more than one":    {file(pod.Name, podText+podText), link},
		"depth":            {file(pod.Name, strings.Repeat(`{"a":`, 100_000)), link},
		"another name":     {file(pod.Name, strings.Replace(podText, `"p"`, `"q"`, 1)), link},
		"no kind":          {file(pod.Name, strings.Replace(podText, `"Pod"`, `""`, 1)), link},
		"another group":    {file(pod.Name, strings.Replace(podText, `"v1"`, `"apps/v1"`, 1)), link},
		"numbers as names": {file(pod.Name, `{"apiVersion":1,"kind":2,"metadata":3}`), link},
	} {
		if got, err := read(bytes.NewReader(raw(t, entries...))); !fault.Is(err, fault.Corrupt) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %d objects, %v", name, len(got), err)
		}
	}
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "resources", "resources/", "resources/pods", "resources/pods/namespaces/n/p", "resources/pods/namespaces/n/.json",
		"resources/pods/namespaces/../p.json", "resources/pods/namespaces/n/../p.json", "/resources/pods/namespaces/n/p.json",
		"resources/pods/namespaces//p.json", "resources/pods/namespaces/n/o/p.json", "resources/pods/cluster/n/p.json",
		"resources//cluster/p.json", "resources/pods./cluster/p.json", "resources/pods/cluster/...json", "resources/pods/cluster/..json",
		"resources/pods/cluster/a%2Fb.json", "resources/pods/cluster/a\x00b.json", "resources/pods/cluster/\xff.json",
		"resources/pods/-preferredversion/cluster/p.json", "metadata/version", "resources/.apps/cluster/p.json",
		"resources/pods/cluster/" + strings.Repeat("x", maxPath) + ".json",
	} {
		if o, _, err := parsePath(name); !fault.Is(err, fault.Corrupt) || len(err.Error()) > 1000 {
			t.Errorf("%q is %v: %v", name, o, err)
		}
	}
}

func TestLargeObjectsAreNotWritten(t *testing.T) {
	t.Parallel()
	w, err := newObjectWriter(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.write(vector()[2], make([]byte, maxObject+1)); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}

// FuzzReadObjects reads what may be no tarball. What is read at all is what
// would be written.
func FuzzReadObjects(f *testing.F) {
	f.Add(written(f, vector()[:2]))
	f.Add(written(f, nil))
	f.Add(raw(f, tar.Header{Name: "resources/pods/namespaces/n/p.json", Typeflag: tar.TypeReg, Linkname: podText}))
	f.Fuzz(func(t *testing.T, text []byte) {
		objects, err := read(bytes.NewReader(text))
		if err != nil {
			if !fault.Is(err, fault.Corrupt) {
				t.Errorf("not corrupt: %v", err)
			}
			return
		}
		again, err := read(bytes.NewReader(written(t, objects)))
		if diff := cmp.Diff(objects, again); err != nil || diff != "" {
			t.Errorf("written again: %v %s", err, diff)
		}
	})
}

// FuzzParsePath reads paths; what is read is written as it was.
func FuzzParsePath(f *testing.F) {
	f.Add("resources/deployments.apps/v1-preferredversion/namespaces/shop/web.json")
	f.Add("resources/clusterroles.rbac.authorization.k8s.io/cluster/system:reader.json")
	f.Fuzz(func(t *testing.T, text string) {
		o, version, err := parsePath(text)
		if err == nil && path(o.Resource, version, o.Namespace, o.Name) != text {
			t.Errorf("%q is read as %v", text, fmt.Sprint(o, version))
		}
	})
}
