package archive

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

var _ surface.Source = (*Point)(nil)

func TestPointComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, config := range schemes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := sealed(t, newKeys(t, config))
			p, err := OpenPoint(t.Context(), b.store, b.dir, newKeys(t, config))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b.manifest, p.Manifest); diff != "" {
				t.Errorf("manifest (-written +read):\n%s", diff)
			}
			for part, want := range contents {
				if got, err := readPart(t.Context(), p, part); err != nil || !bytes.Equal(got, want) {
					t.Errorf("part %s: %d bytes, %v; want %d", part, len(got), err, len(want))
				}
			}
			want := surface.Fingerprint{
				{Kind: "sequence", Name: "public.ids", Count: 7},
				{Kind: "table", Name: "public.big", Count: 5000, Digest: "rows:00112233445566778899aabbccddef00"},
				{Kind: "table", Name: "public.empty"},
				{Kind: "table", Name: `public.o"dd <name>` + "\u2028", Count: 5},
			}
			if diff := cmp.Diff(want, p.Fingerprint()); diff != "" {
				t.Errorf("fingerprint (-want +read):\n%s", diff)
			}
			if p.Entries != 5 || p.Counts["table"] != 5005 || p.Counts["sequence"] != 7 {
				t.Errorf("%d entries with counts %v, want 5 with 5005 and 7", p.Entries, p.Counts)
			}
			if err := p.Verify(t.Context(), nil); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

func TestPartsLeaveTheFingerprintOut(t *testing.T) {
	t.Parallel()
	b := sealed(t, newKeys(t, schemes["identity"]))
	p, err := OpenParts(t.Context(), b.store, b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, part := range p.Parts() {
		names = append(names, fmt.Sprintf("%s %s %d", part.Name, part.Role, part.Estimate))
	}
	want := []string{"globals meta 17", fmt.Sprintf("t-0001 data %d", len(contents["t-0001"])), fmt.Sprintf("t-0002 data %d", len(contents["t-0002"])), "t-0003 data 0"}
	if !slices.Equal(names, want) {
		t.Errorf("parts %q, want %q", names, want)
	}
	if p.Fingerprint() != nil {
		t.Errorf("OpenParts read the fingerprint")
	}
	if _, err := p.Open(t.Context(), "t-0009"); !fault.Is(err, fault.Missing) {
		t.Errorf("a part that isn't listed: %v, want missing", err)
	}
}

// A worker that has public keys alone can make points, but not read them.
func TestPublicKeyAloneWrites(t *testing.T) {
	t.Parallel()
	owner := newKeys(t, seal.Config{Identity: testIdentity})
	key, err := owner.NewPointKey()
	if err != nil {
		t.Fatal(err)
	}
	b := sealed(t, newKeys(t, seal.Config{Recipients: key.Recipients}))
	_, err = OpenPoint(t.Context(), b.store, b.dir, b.keys)
	if want := "point main/" + testID + ": no configured key opens this point: it was encrypted for " + key.Recipients[0]; !fault.Is(err, fault.Denied) || err.Error() != want {
		t.Errorf("with the public key: %v, want %s", err, want)
	}
	if _, err := OpenPoint(t.Context(), b.store, b.dir, owner); err != nil {
		t.Errorf("with the secret key: %v", err)
	}
}

func TestNewEncryptionIsTheSameWhenRepeated(t *testing.T) {
	t.Parallel()
	for name, config := range schemes {
		st, dir := newMemory(), Dir("points", "main", testID)
		first, err1 := NewEncryption(t.Context(), st, dir, newKeys(t, config), time.Time{})
		again, err2 := NewEncryption(t.Context(), st, dir, newKeys(t, config), time.Time{})
		if diff := cmp.Diff(first, again); diff != "" || err1 != nil || err2 != nil {
			t.Errorf("%s: %v, %v, -first +again:\n%s", name, err1, err2, diff)
		}
	}
	st, dir := newMemory(), Dir("points", "main", testID)
	if _, err := NewEncryption(t.Context(), st, dir, newKeys(t, seal.Config{Passphrase: "first"}), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewEncryption(t.Context(), st, dir, newKeys(t, seal.Config{Passphrase: "second"}), time.Time{}); !fault.Is(err, fault.Denied) {
		t.Errorf("another passphrase in the same folder: %v, want denied", err)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, recipients := benchKeys(t)
		w := PartWriter{Store: newMemory(), Dir: "points/main/" + testID, Recipients: recipients}
		var calls []time.Time
		var plain, stored int64
		begin := time.Now()
		const chunks = 100
		entry, err := w.Write(t.Context(), surface.Part{Name: "t", Role: surface.RoleData, Format: "rows"},
			func(p, s int64) {
				if p < plain || s < stored {
					t.Errorf("progress went back from %d, %d to %d, %d", plain, stored, p, s)
				}
				calls, plain, stored = append(calls, time.Now()), p, s
			},
			func(out io.Writer) error {
				for range chunks {
					time.Sleep(50 * time.Millisecond)
					if _, err := out.Write(pipeData[:bufferSize]); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		if plain != chunks*bufferSize || plain != entry.PlainBytes || stored != entry.Bytes {
			t.Errorf("the last report was of %d and %d bytes, the entry has %d and %d", plain, stored, entry.PlainBytes, entry.Bytes)
		}
		if most := int(time.Since(begin)/reportEvery) + 2; len(calls) > most || len(calls) < 10 {
			t.Errorf("%d reports in %v, want from 10 to %d", len(calls), time.Since(begin), most)
		}
	})
}

func TestVerifyReportsSums(t *testing.T) {
	t.Parallel()
	b := sealed(t, newKeys(t, schemes["identity"]))
	p, err := OpenPoint(t.Context(), b.store, b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	var plain, stored int64
	if err := p.Verify(t.Context(), func(p, s int64) { plain, stored = p, s }); err != nil {
		t.Fatal(err)
	}
	if plain != b.manifest.PlainBytes || stored != b.manifest.Bytes {
		t.Errorf("reported %d and %d bytes, want %d and %d", plain, stored, b.manifest.PlainBytes, b.manifest.Bytes)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	good := surface.Part{Name: "t", Format: "rows"}
	for name, c := range map[string]struct {
		part surface.Part
		w    PartWriter
	}{
		"level above":    {good, PartWriter{Level: 20}},
		"level below":    {good, PartWriter{Level: -8}},
		"path in name":   {surface.Part{Name: "../t", Format: "rows"}, PartWriter{}},
		"upper case":     {surface.Part{Name: "T", Format: "rows"}, PartWriter{}},
		"path in format": {surface.Part{Name: "t", Format: "a/b"}, PartWriter{}},
		"no format":      {surface.Part{Name: "t"}, PartWriter{}},
		"bad attempt":    {good, PartWriter{Attempt: "../x"}},
		"bad recipient":  {good, PartWriter{Recipients: []string{"age1x"}}},
	} {
		st := newMemory()
		c.w.Store, c.w.Dir = st, "points/main/"+testID
		_, err := c.w.Write(t.Context(), c.part, nil, func(w io.Writer) error { _, err := w.Write(pipeData); return err })
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (%s), want invalid", name, err, fault.KindOf(err))
		}
		if len(st.objects) > 0 {
			t.Errorf("%s: something was stored", name)
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	previous := int64(1 << 40)
	for _, level := range []int{-7, -1, 1, 6, 15} {
		w := PartWriter{Store: newMemory(), Dir: "points/main/" + testID, Level: level}
		entry, err := w.Write(t.Context(), surface.Part{Name: "t", Format: "rows"}, nil, func(w io.Writer) error { _, err := w.Write(pipeData); return err })
		if err != nil || entry.Bytes >= previous {
			t.Errorf("level %d: %d bytes, %v; want fewer than the %d of the level before", level, entry.Bytes, err, previous)
		}
		previous = entry.Bytes
	}
}

func TestAttemptsDontMeet(t *testing.T) {
	t.Parallel()
	st := newMemory()
	w := PartWriter{Store: st, Dir: "points/main/" + testID, Attempt: "first"}
	part := surface.Part{Name: "t", Format: "rows"}
	write := func(text string) func(io.Writer) error {
		return func(out io.Writer) error { _, err := io.WriteString(out, text); return err }
	}
	if _, err := w.Write(t.Context(), part, nil, write("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(t.Context(), part, nil, write("the same attempt again")); !fault.Is(err, fault.Conflict) {
		t.Errorf("an attempt replaced its own object: %v", err)
	}
	w.Attempt = "second"
	entry, err := w.Write(t.Context(), part, nil, write("two"))
	if err != nil || entry.Object != "t.second.rows.zst" {
		t.Errorf("the second attempt made %q, %v", entry.Object, err)
	}
	if _, data := st.object(t, "/"+entry.Object); seal.DigestOf(data) != entry.Digest || len(st.objects) != 2 {
		t.Errorf("%d objects, and the second's isn't what its entry says", len(st.objects))
	}
}
