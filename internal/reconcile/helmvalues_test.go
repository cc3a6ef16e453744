package reconcile

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// onCluster are values as a release has them.
func onCluster(t *testing.T, text string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var out map[string]any
	if err := decoder.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestValuesAreComparedAsHelmReadsThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files  []string
		live   string
		ignore []string
		want   drift
	}{
		"equal": {
			files: []string{"a: {b: 1, c: [x, {d: true}]}\ne: text\n"},
			live:  `{"a": {"b": 1, "c": ["x", {"d": true}]}, "e": "text"}`,
			want:  drift{equal: 4},
		},
		"YAML 1.1": {
			files: []string{"a: yes\nb: off\nc: 0x10\nd: 010\ne: 1.0\nf: 2001-01-01\ng: \"yes\"\nh: ~\n"},
			live:  `{"a": true, "b": false, "c": 16, "d": 8, "e": 1, "f": "2001-01-01", "g": "yes", "h": null}`,
			want:  drift{equal: 8},
		},
		"another type is another value": {
			files: []string{"a: 1\nb: \"true\"\nc: {}\nd: []\ne: null\n"},
			live:  `{"a": "1", "b": true, "c": [], "d": {}, "e": ""}`,
			want:  drift{differing: []string{"a", "b", "c", "d", "e"}},
		},
		"missing, extra and differing": {
			files: []string{"image: {tag: one}\nreplicas: 2\nonly: {git: 1}\n"},
			live:  `{"image": {"tag": "two", "pullPolicy": "Always"}, "replicas": 2}`,
			want:  drift{differing: []string{"image.tag"}, extra: []string{"image.pullPolicy"}, missing: []string{"only.git"}, equal: 1},
		},
		"later files win": {
			files: []string{"a: {b: 1, c: 2}\nl: [1, 2]\nm: {n: 1}\n", "a: {c: 3}\nl: [9]\nm: null\n"},
			live:  `{"a": {"b": 1, "c": 3}, "l": [9], "m": null}`,
			want:  drift{equal: 4},
		},
		"lists": {
			files: []string{"l: [{a: 1}, {a: 2}]\n"},
			live:  `{"l": [{"a": 1}, {"a": 3}, {"a": 4}]}`,
			want:  drift{differing: []string{"l[1].a"}, extra: []string{"l[2].a"}, equal: 1},
		},
		"exceptions": {
			files:  []string{"image: {tag: one}\nimages: 1\n"},
			live:   `{"image": {"tag": "two", "more": {"x": 1}}, "images": 2, "l": [{"password": "p"}]}`,
			ignore: []string{"image", "l[0].password", "gone"},
			want: drift{
				differing: []string{"images"}, ignored: []string{"image.more.x", "image.tag", "l[0].password"}, unused: []string{"gone"},
			},
		},
		"keys with dots": {
			files: []string{"labels: {app.kubernetes.io/name: a, \"x[0]\": b}\n"},
			live:  `{"labels": {"app.kubernetes.io/name": "z"}}`,
			want:  drift{differing: []string{`labels.app\.kubernetes\.io/name`}, missing: []string{`labels.x\[0]`}},
		},
		"numbers as Helm keeps them": {
			files: []string{"a: 12345678901234567\nb: 1e3\nc: 1.10\nd: 9007199254740993\ne: 9007199254740993\n"},
			live:  `{"a": 12345678901234568, "b": 1000, "c": 1.1, "d": 9007199254740993, "e": 9007199254740991}`,
			want:  drift{differing: []string{"e"}, equal: 4},
		},
		"nothing anywhere":    {files: []string{"", "# no values\n"}, live: `null`, want: drift{}},
		"nothing in Git":      {files: []string{""}, live: `{"a": 1}`, want: drift{extra: []string{"a"}}},
		"nothing on there":    {files: []string{"a: {b: {}}\n"}, live: `{}`, want: drift{missing: []string{"a.b"}}},
		"a map is no scalar":  {files: []string{"a: 1\n"}, live: `{"a": {"b": 1}}`, want: drift{extra: []string{"a.b"}, missing: []string{"a"}}},
		"an anchor in a file": {files: []string{"k: &k {a: 1}\nz:\n  <<: *k\n  b: 2\n"}, live: `{"k": {"a": 1}, "z": {"a": 1, "b": 2}}`, want: drift{equal: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var inGit map[string]any
			for _, text := range c.files {
				values, err := parseValues([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				inGit = mergeValues(inGit, values)
			}
			got := compareValues(inGit, onCluster(t, c.live), c.ignore)
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(drift{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFileThatIsNoValuesIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"HIDDEN", "- HIDDEN\n", "a: [HIDDEN\n", "a: HIDDEN\n\tb: HIDDEN\n", "a: *HIDDEN\n"} {
		_, err := parseValues([]byte(text))
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzValues(f *testing.F) {
	f.Add("a: {b: [1, yes]}\n", `{"a": {"b": [1, true]}}`)
	f.Add("a.b: 1\n? [x]\n: 2\n", `{"a\\.b": 1e999}`)
	f.Fuzz(func(t *testing.T, text, live string) {
		values, err := parseValues([]byte(text))
		if err != nil {
			return
		}
		if d := compareValues(values, values, nil); len(d.differing)+len(d.extra)+len(d.missing) > 0 {
			t.Errorf("%q differs from itself: %+v", text, d)
		}
		decoder := json.NewDecoder(strings.NewReader(live))
		decoder.UseNumber()
		var other map[string]any
		if decoder.Decode(&other) != nil {
			return
		}
		there, back := compareValues(values, other, nil), compareValues(other, values, nil)
		if len(there.extra) != len(back.missing) || len(there.missing) != len(back.extra) {
			t.Errorf("%+v and back %+v", there, back)
		}
	})
}
