package gitconfig

import (
	"bufio"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const (
	someBlob   = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	someCommit = "0123456789abcdef0123456789abcdef01234567"
)

// Fingerprints are kept in manifests: they must stay what they are.
func TestTheFingerprintOfATree(t *testing.T) {
	t.Parallel()
	seen := tree{commits: 3, id: someBlob}
	listing := "100644 blob " + someBlob + "\tvalues.yaml\x00100755 blob " + someBlob + "\tbin/run me\x00" +
		"120000 blob " + someBlob + "\tlink\ttwo\x00160000 commit " + someCommit + "\tcharts/other\x00100644 blob " + someBlob + "\todd\xff\x00"
	if err := seen.scan(bufio.NewReader(strings.NewReader(listing))); err != nil {
		t.Fatal(err)
	}
	got := seen.fingerprint(point{Ref: "refs/tags/v1", Tip: someBlob, Commit: someCommit})
	want := surface.Fingerprint{
		{Kind: "commit", Name: "refs/tags/v1", Count: 3, Digest: "git:" + someCommit},
		{Kind: "file", Name: `"odd\xff"`, Count: 1, Digest: "git:100644:" + someBlob},
		{Kind: "file", Name: "bin/run me", Count: 1, Digest: "git:100755:" + someBlob},
		{Kind: "file", Name: "link\ttwo", Count: 1, Digest: "git:120000:" + someBlob},
		{Kind: "file", Name: "values.yaml", Count: 1, Digest: "git:100644:" + someBlob},
		{Kind: "submodule", Name: "charts/other", Count: 1, Digest: "git:160000:" + someCommit},
		{Kind: "tag", Name: "refs/tags/v1", Count: 1, Digest: "git:" + someBlob},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzScan(f *testing.F) {
	f.Add("100644 blob " + someBlob + "\ta\x00")
	f.Add("100644 blob")
	f.Fuzz(func(t *testing.T, listing string) {
		var seen tree
		err := seen.scan(bufio.NewReader(strings.NewReader(listing)))
		if err != nil && !fault.Is(err, fault.Internal) {
			t.Errorf("%v", err)
		}
		if err == nil && int(seen.count) != strings.Count(listing, "\x00") {
			t.Errorf("%d entries of %q", seen.count, listing)
		}
	})
}

func FuzzPoint(f *testing.F) {
	f.Add(string(point{Ref: "refs/heads/main", Tip: someCommit, Commit: someCommit, Paths: []string{"a"}}.text()))
	f.Add(`{"ref":"-x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePoint([]byte(text), fault.Corrupt)
		if err != nil {
			if !fault.Is(err, fault.Corrupt) {
				t.Errorf("%v", err)
			}
			return
		}
		for _, word := range []string{p.Ref, p.Tip, p.Commit} {
			if word == "" || strings.HasPrefix(word, "-") {
				t.Errorf("%q would be an option", word)
			}
		}
	})
}
