package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func goodManifest(t testing.TB) Manifest {
	t.Helper()
	m := unsealed(t, newKeys(t, schemes["identity"])).manifest
	if err := m.complete(); err != nil {
		t.Fatal(err)
	}
	return m
}

// edit changes a manifest by its JSON and digests it anew, as a forger would.
func edit(t testing.TB, m Manifest, change func(point map[string]any)) []byte {
	t.Helper()
	point, err := encodePoint(m)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(point, &fields); err != nil {
		t.Fatal(err)
	}
	change(fields)
	if point, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	return encodeEnvelope(FormatVersion, seal.DigestOf(point), point)
}

func TestDecodeManifestRefusesWhatContradictsItself(t *testing.T) {
	t.Parallel()
	good := goodManifest(t)
	if _, err := decodeManifest(edit(t, good, func(map[string]any) {})); err != nil {
		t.Fatalf("an unchanged one: %v", err)
	}
	part := func(i int, change func(p map[string]any)) func(map[string]any) {
		return func(m map[string]any) { change(m["parts"].([]any)[i].(map[string]any)) }
	}
	set := func(field string, value any) func(map[string]any) { return func(m map[string]any) { m[field] = value } }
	cases := map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"unknown field":        {set("surprise", 1), `unknown field \"surprise\"`},
		"unknown part field":   {part(0, set("surprise", 1)), "unknown field"},
		"wrong type":           {set("bytes", "many"), "cannot unmarshal"},
		"no ID":                {set("id", ""), "is not the ID"},
		"ID with a path":       {set("id", "../../x"), "is not the ID"},
		"surface with a path":  {set("surface", "../main"), "is not the name of a surface"},
		"no surface":           {set("surface", ""), "is not the name of a surface"},
		"no surface kind":      {set("surfaceKind", ""), "no surfaceKind"},
		"unknown kind":         {set("kind", "clone"), `kind "clone"`},
		"no time":              {set("createdAt", "0001-01-01T00:00:00Z"), "no createdAt"},
		"another compression":  {set("compression", "gzip"), `compression "gzip"`},
		"another scheme":       {set("encryption", map[string]any{"scheme": "rot13"}), `encryption "rot13"`},
		"encrypted for nobody": {set("encryption", map[string]any{"scheme": "age"}), "encrypted for nobody"},
		"none with recipients": {set("encryption", map[string]any{"scheme": "none", "recipients": []string{"age1"}}), "yet it has recipients"},
		"identity elsewhere":   {set("encryption", map[string]any{"scheme": "age", "recipients": []string{"age1"}, "identityFile": "../x"}), "identity file"},
		"parts without age":    {set("encryption", map[string]any{"scheme": "none"}), "its object can't be"},
		"sum of bytes":         {set("bytes", 1), "it says 1"},
		"sum of plain bytes":   {set("plainBytes", 1), "it says"},
		"entries":              {set("entries", 99), "it says 99"},
		"counts":               {set("counts", map[string]any{"table": 1, "sequence": 7}), `counts 5005 "table", it says 1`},
		"another count":        {set("counts", map[string]any{"table": 5005, "view": 7}), `"sequence", it says 0`},
		"parts gone":           {set("parts", []any{}), "no fingerprint"},
		"part twice":           {func(m map[string]any) { p := m["parts"].([]any); p[1] = p[0] }, "is listed twice"},
		"parts out of order":   {func(m map[string]any) { p := m["parts"].([]any); p[0], p[1] = p[1], p[0] }, "out of order"},
		"object of another": {func(m map[string]any) {
			p := m["parts"].([]any)
			p[1].(map[string]any)["object"] = p[0].(map[string]any)["object"]
		}, "its object can't be"},
		"object with a path":     {part(0, set("object", "../../secrets")), "its object can't be"},
		"object with a dot path": {part(0, set("object", "fingerprint.../x.json.zst.age")), "its object can't be"},
		"name with a path":       {part(0, set("name", "a/b")), "other characters"},
		"name empty":             {part(0, set("name", "")), "other characters"},
		"format with a path":     {part(0, set("format", "a/b")), "other characters"},
		"role":                   {part(0, set("role", "extra")), `role "extra"`},
		"role of a fingerprint":  {part(0, set("role", "data")), "can't have the role data"},
		"role of another":        {part(4, set("role", "fingerprint")), "can't have the role fingerprint"},
		"size of zero":           {part(0, set("bytes", 0)), "not possible"},
		"negative size":          {part(0, set("plainBytes", -1)), "not possible"},
		"overflowing sizes":      {part(0, set("plainBytes", math.MaxInt64-10)), "exceed 63 bits"},
		"digest gone":            {part(0, set("digest", "")), "digest"},
		"another digest":         {part(0, set("digest", "sha256:"+strings.Repeat("0", 64))), "digest"},
		"negative entries":       {part(0, set("entries", -1)), "not possible"},
		"entries of data":        {part(4, set("entries", 1)), "only the fingerprint"},
		"negative count":         {part(0, set("counts", map[string]any{"table": -1})), "not possible"},
	}
	for name, c := range cases {
		_, err := decodeManifest(edit(t, good, c.change))
		if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
			t.Errorf("%s: got %v (%s), want corrupt: …%s…", name, err, fault.KindOf(err), c.want)
		}
	}
}

func TestDecodeManifestRefusesDamage(t *testing.T) {
	t.Parallel()
	good, err := encodeManifest(goodManifest(t))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }
	point := good[103 : len(good)-1]
	cases := map[string]struct {
		data []byte
		kind fault.Kind
		want string
	}{
		"empty":                          {nil, fault.Corrupt, "not a manifest"},
		"not JSON":                       {[]byte("PGDMP"), fault.Corrupt, "not a manifest"},
		"null":                           {[]byte("null"), fault.Corrupt, "no format version"},
		"array":                          {[]byte("[]"), fault.Corrupt, "not a manifest"},
		"cut":                            {good[:len(good)/2], fault.Corrupt, "not a manifest"},
		"trailing brace":                 {append(bytes.Clone(good), '}'), fault.Corrupt, "not a manifest"},
		"trailing line":                  {append(bytes.Clone(good), '\n'), fault.Corrupt, "reformatted"},
		"trailing value":                 {append(bytes.Clone(good), good...), fault.Corrupt, "not a manifest"},
		"a space more":                   {replace(`"point":{`, `"point": {`), fault.Corrupt, "reformatted"},
		"a field more":                   {replace(`"point":{`, `"x":1,"point":{`), fault.Corrupt, "reformatted"},
		"a value twice":                  {replace(`"point":{`, `"point":{},"point":{`), fault.Corrupt, "reformatted"},
		"one letter":                     {replace(`"main"`, `"mein"`), fault.Corrupt, "it was altered"},
		"digest of another type":         {replace(`"digest":"`, `"digest":1,"x":"`), fault.Corrupt, "of another type"},
		"no digest":                      {replace(`"blake3:`, `"blake2:`), fault.Corrupt, "it was altered"},
		"format 0":                       {replace(`"format":1`, `"format":0`), fault.Corrupt, "no format version"},
		"format -1":                      {replace(`"format":1`, `"format":-1`), fault.Corrupt, "no format version"},
		"format 1.5":                     {replace(`"format":1`, `"format":1.5`), fault.Corrupt, "not a manifest"},
		"format 2":                       {replace(`"format":1`, `"format":2`), fault.Unsupported, "written by a newer Lifeboat (format 2); this one reads up to 1"},
		"format 2 is not judged further": {[]byte(`{"format":2,"header":{}}`), fault.Unsupported, "written by a newer Lifeboat"},
		"point is a string":              {encodeEnvelope(1, seal.DigestOf([]byte(`"x"`)), []byte(`"x"`)), fault.Corrupt, "malformed"},
		"point is null":                  {encodeEnvelope(1, seal.DigestOf([]byte("null")), []byte("null")), fault.Corrupt, "contradicts"},
		"untouched":                      {encodeEnvelope(1, seal.DigestOf(point), point), "", ""},
	}
	for name, c := range cases {
		_, err := decodeManifest(c.data)
		if c.kind == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 {
			t.Errorf("%s: got %v (%s), want %s: …%s…", name, err, fault.KindOf(err), c.kind, c.want)
		}
	}
}

func TestManifestKeepsOddNames(t *testing.T) {
	t.Parallel()
	m := goodManifest(t)
	m.Reason = "<b> & \u2028 \"quoted\" \x7f\u00e9\U0001f6df"
	m.Notes = []string{"a", "line\nbreak"}
	data, err := encodeManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeManifest(data)
	if diff := cmp.Diff(m, got); err != nil || diff != "" {
		t.Errorf("%v; -written +read:\n%s", err, diff)
	}
	if !bytes.Contains(data, []byte("<b> & ")) {
		t.Error("characters that matter to HTML are escaped")
	}
}

// A part named like another one with its attempt could have the same object.
func TestPartsDontShareAnObject(t *testing.T) {
	t.Parallel()
	m := goodManifest(t)
	for _, name := range []string{"x", "x.second"} {
		part := surface.Part{Name: name, Role: surface.RoleMeta, Format: "sql"}
		m.Parts = append(m.Parts, PartEntry{Part: part, Object: "x.second.sql.zst.age", Bytes: 1, Digest: seal.DigestOf(nil)})
	}
	if err := m.complete(); err == nil || !strings.Contains(err.Error(), `part "x.second": another part has its object`) {
		t.Errorf("got %v", err)
	}
}

func TestManyParts(t *testing.T) {
	t.Parallel()
	m := goodManifest(t)
	digest := seal.DigestOf(nil)
	for i := range 20_000 {
		part := surface.Part{Name: fmt.Sprintf("u-%06d", i), Role: surface.RoleData, Format: "rows", Spec: []byte(`{"table":"public.some_table"}`)}
		m.Parts = append(m.Parts, PartEntry{Part: part, Object: objectName(part.Name, "abc234", part.Format, true), Bytes: 1, Digest: digest})
	}
	if err := m.complete(); err != nil {
		t.Fatal(err)
	}
	data, err := encodeManifest(m)
	if err != nil || len(data) > maxManifest/8 {
		t.Fatalf("%d bytes, %v; want room for eight times as many parts", len(data), err)
	}
	if got, err := decodeManifest(data); err != nil || len(got.Parts) != len(m.Parts) {
		t.Errorf("%d parts, %v; want %d", len(got.Parts), err, len(m.Parts))
	}
}
