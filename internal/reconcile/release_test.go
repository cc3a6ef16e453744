package reconcile

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// encodeRelease writes a release as Helm 3 keeps it under the key of a Secret.
func encodeRelease(t testing.TB, release any) []byte {
	t.Helper()
	text, err := json.Marshal(release)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(out.Bytes()))
}

// revisionOf is a release as Helm writes it, with some of what is not looked at.
func revisionOf(name string, revision int, status string, values map[string]any) map[string]any {
	return map[string]any{
		"name": name, "version": revision, "namespace": "shop",
		"info":   map[string]any{"status": status, "last_deployed": "2026-10-21T08:30:00.5+02:00", "first_deployed": "", "deleted": ""},
		"chart":  map[string]any{"metadata": map[string]any{"name": "dalp", "version": "1.2.3"}, "values": map[string]any{"replicas": 1}},
		"config": values, "manifest": "---\n# Source: dalp\n",
	}
}

func TestReleasesAreRead(t *testing.T) {
	t.Parallel()
	values := map[string]any{"image": map[string]any{"tag": "1.10"}, "replicas": json.Number("2"), "id": json.Number("12345678901234567890")}
	text := encodeRelease(t, revisionOf("api", 7, "deployed", values))
	plain, err := json.Marshal(revisionOf("api", 7, "deployed", values))
	if err != nil {
		t.Fatal(err)
	}
	for name, stored := range map[string][]byte{
		"compressed": text, "as Helm 2 kept it": []byte(base64.StdEncoding.EncodeToString(plain)),
	} {
		got, err := decodeRelease(stored)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(values, got.Config); diff != "" || got.Name != "api" || got.Version != 7 || got.Info.Status != "deployed" {
			t.Errorf("%s: %+v %s", name, got, diff)
		}
		if want := "revision 7 of chart dalp 1.2.3, deployed 2026-10-21T06:30:00Z"; got.String() != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The file is what Helm 3.19.0 has stored for
//
//	helm upgrade api CHART --values values.yaml --values live.yaml --set auth.password=x
func TestAReleaseThatHelmHasWritten(t *testing.T) {
	t.Parallel()
	stored, err := os.ReadFile("testdata/helm-3.19.0.release")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRelease(stored)
	if err != nil {
		t.Fatal(err)
	}
	if want := "revision 2 of chart dalp 1.2.3, deployed 2026-11-22T14:57:06Z"; got.String() != want || got.Name != "api" || got.Info.Status != statusDeployed {
		t.Errorf("%s: %+v", got, got)
	}
	values, err := parseValues([]byte(`
image: {tag: "1.10", digest: ~}
replicas: 2
enabled: yes
id: 12345678901234567
ratio: 1.0
hosts: [{host: a.example.com, paths: [/]}]
annotations: {app.kubernetes.io/name: shop}
empty: {}
`))
	if err != nil {
		t.Fatal(err)
	}
	live, err := parseValues([]byte("replicas: 3\nextra: [1, 2.50]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := drift{extra: []string{"auth.password"}, equal: 12}
	if diff := cmp.Diff(want, compareValues(mergeValues(values, live), got.Config, nil), cmp.AllowUnexported(drift{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoRelease(t *testing.T) {
	t.Parallel()
	whole := encodeRelease(t, revisionOf("api", 1, "deployed", nil))
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	zeros := make([]byte, 1<<20)
	for range mostRelease>>20 + 1 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, stored := range map[string][]byte{
		"nothing": nil, "no base64": []byte("{}"), "cut short": whole[:len(whole)/2/4*4],
		"no JSON":   []byte(base64.StdEncoding.EncodeToString([]byte("manifest"))),
		"no map":    []byte(base64.StdEncoding.EncodeToString([]byte(`{"config": [1]}`))),
		"too large": []byte(base64.StdEncoding.EncodeToString(bomb.Bytes())),
	} {
		if _, err := decodeRelease(stored); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeRelease(f *testing.F) {
	f.Add(encodeRelease(f, revisionOf("api", 1, "deployed", map[string]any{"a": 1})))
	f.Add([]byte("H4sI"))
	f.Fuzz(func(t *testing.T, stored []byte) {
		got, err := decodeRelease(stored)
		if err != nil && !fault.Is(err, fault.Corrupt) {
			t.Errorf("%v", err)
		}
		if err == nil {
			_ = flatten(got.Config)
		}
	})
}
