package objects

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// sample is what testdata/inventory.jsonl holds.
var sample = []bucket.Version{
	{Key: "app/<b>&\"ü\u2028.txt", ID: "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY", Size: 12, ETag: "9e107d9d372bb6826bd81d3542a419d6-2", Modified: second(1)},
	{Key: "app/a/1", ID: "1709528767000000", Size: 0, ETag: "CAE=", Digest: "crc32c:00000000", Modified: second(2).Add(123 * time.Millisecond)},
	{Key: "app/a/2", Size: 1 << 40, ETag: "0x8D", Digest: "md5:9e107d9d372bb6826bd81d3542a419d6", Modified: second(3)},
	{Key: "app/z", ID: "null", Size: 7, Modified: second(4)},
}

var sampleHeader = Header{Format: inventoryFormat, Service: "s3", Bucket: "b", Prefix: "app/", Moment: second(5).Add(999999999)}

// TestVectors has bytes that every version of this program must read and write.
func TestVectors(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "inventory.jsonl"))
	must(t, err)
	var got bytes.Buffer
	seen := newTally(bucket.Traits{Digest: bucket.MD5})
	must(t, writeInventory(&got, sampleHeader, listed(sample...), func(o Object) { seen.add(o.Key[len("app/"):], o.Size, o.Digest) }))
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
	in, err := readInventory(bytes.NewReader(want))
	must(t, err)
	if in.Header != sampleHeader {
		t.Errorf("header %+v", in.Header)
	}
	var versions []bucket.Version
	for o, err := range in.objects() {
		must(t, err)
		versions = append(versions, o.version())
	}
	if diff := cmp.Diff(sample, versions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(surface.Fingerprint{
		{Kind: "objects", Name: ".", Count: 2, Digest: "xxh3sum-md5:faeaac37d75a1f1e8d790639cbce7695"},
		{Kind: "objects", Name: "a/", Count: 2, Digest: "xxh3sum-md5:5d46cafaf8c1f9b8a92e65fa28e39fef"},
	}, seen.fingerprint()); diff != "" {
		t.Error(diff)
	}
}

// readAll reads an inventory to its end.
func readAll(text string) (int, error) {
	in, err := readInventory(strings.NewReader(text))
	if err != nil {
		return 0, err
	}
	count := 0
	for _, err := range in.objects() {
		if err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

func TestBrokenInventories(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "inventory.jsonl"))
	must(t, err)
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	join := func(change func(lines []string) []string) string {
		return strings.Join(change(append([]string(nil), lines...)), "")
	}
	for name, broken := range map[string]string{
		"empty":           "",
		"no JSON":         "nonsense\n",
		"another format":  strings.Replace(string(text), inventoryFormat, "lifeboat-objects/2", 1),
		"no bucket":       strings.Replace(string(text), `"bucket":"b"`, `"bucket":""`, 1),
		"half a prefix":   strings.Replace(string(text), `"prefix":"app/"`, `"prefix":"app"`, 1),
		"cut off":         join(func(l []string) []string { return l[:len(l)-1] }),
		"cut in a line":   string(text[:len(text)/2]),
		"one missing":     join(func(l []string) []string { return append(l[:2], l[3:]...) }),
		"one twice":       join(func(l []string) []string { return append(l[:2], l[1:]...) }),
		"in disorder":     join(func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }),
		"more behind":     string(text) + "\n{}\n",
		"an unknown word": strings.Replace(string(text), `"size"`, `"sise"`, 1),
		"from elsewhere":  strings.Replace(string(text), `"app/z"`, `"zzz"`, 1),
		"negative":        strings.Replace(string(text), `"size":7`, `"size":-7`, 1),
		"two in a line":   strings.Replace(string(text), "}\n{\"key\":\"app/a/1\"", "}{\"key\":\"app/a/1\"", 1),
		"a long line":     strings.Replace(string(text), "null", strings.Repeat("x", mostOfLine), 1),
		"no end mark":     strings.Replace(string(text), `"end":true`, `"end":false`, 1),
	} {
		if _, err := readAll(broken); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if count, err := readAll(string(text)); err != nil || count != len(sample) {
		t.Errorf("as it is: %d, %v", count, err)
	}
}

// FuzzInventory has no input that is read in two ways: what is read to its end
// is written with the same objects again.
func FuzzInventory(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "inventory.jsonl"))
	must(f, err)
	f.Add(text)
	f.Add([]byte(`{"format":"lifeboat-objects/1","service":"gcs","bucket":"b","prefix":"","moment":"2026-03-04T05:06:07Z"}` + "\n" + `{"end":true,"objects":0,"bytes":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := readInventory(bytes.NewReader(data))
		if err != nil {
			return
		}
		var versions []bucket.Version
		for o, err := range in.objects() {
			if err != nil {
				if !fault.Is(err, fault.Corrupt) {
					t.Fatalf("%v is not of kind corrupt", err)
				}
				return
			}
			if !strings.HasPrefix(o.Key, in.Prefix) || o.Size < 0 {
				t.Fatalf("read %+v", o)
			}
			versions = append(versions, o.version())
		}
		var again bytes.Buffer
		if err := writeInventory(&again, in.Header, listed(versions...), func(Object) {}); err != nil {
			t.Fatal(err)
		}
		if count, err := readAll(again.String()); err != nil || count != len(versions) {
			t.Fatalf("read %d objects, wrote them, and read %d: %v", len(versions), count, err)
		}
	})
}

func TestFolders(t *testing.T) {
	t.Parallel()
	for folders, want := range map[int]int{0: 0, 1: 1, mostEntries: mostEntries, mostEntries + 1: 1} {
		seen := newTally(bucket.Traits{})
		for i := range folders {
			seen.add(fmt.Sprintf("folder-%d/key", i), 1, "")
			seen.add(fmt.Sprintf("folder-%d/deeper/key", i), 2, "md5:x")
		}
		f := seen.fingerprint()
		if len(f) != want {
			t.Errorf("%d folders make %d entries", folders, len(f))
		}
		var count int64
		for _, e := range f {
			count += e.Count
			if !strings.HasPrefix(e.Digest, "xxh3sum-size:") {
				t.Errorf("%+v", e)
			}
		}
		if count != int64(2*folders) {
			t.Errorf("%d folders count %d objects", folders, count)
		}
	}
}
