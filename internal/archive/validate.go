package archive

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// validate says in one line what makes a manifest unusable.
func (m Manifest) validate() error {
	if _, err := ParseID(m.ID); err != nil {
		return err
	}
	switch {
	case !validSurface.MatchString(m.Surface):
		return fmt.Errorf("%q is not the name of a surface", m.Surface)
	case m.SurfaceKind == "":
		return errors.New("it has no surfaceKind")
	case m.Kind != KindSnapshot && m.Kind != KindBase:
		return fmt.Errorf("kind %q is none of snapshot and base", m.Kind)
	case m.CreatedAt.IsZero():
		return errors.New("it has no createdAt")
	case m.Compression != CompressionZstd:
		return fmt.Errorf("compression %q is not zstd", m.Compression)
	}
	if err := m.validateBase(); err != nil {
		return err
	}
	if err := m.Encryption.validate(); err != nil {
		return err
	}
	return m.validateParts()
}

func (e Encryption) validate() error {
	switch {
	case e.Scheme == seal.SchemeNone && (len(e.Recipients) > 0 || e.IdentityFile != ""):
		return errors.New("encryption is none, yet it has recipients or an identity file")
	case e.Scheme == seal.SchemeNone:
		return nil
	case e.Scheme != seal.SchemeAge:
		return fmt.Errorf("encryption %q is none of age and none", e.Scheme)
	case len(e.Recipients) == 0:
		return errors.New("it is encrypted for nobody")
	case e.IdentityFile != "" && e.IdentityFile != IdentityFileName:
		return fmt.Errorf("identity file %q is not %s", e.IdentityFile, IdentityFileName)
	}
	return nil
}

func (m Manifest) validateParts() error {
	previous := ""
	objects := make(map[string]bool, len(m.Parts))
	var sums totals
	for _, p := range m.Parts {
		if err := p.validate(m.Encryption.encrypted()); err != nil {
			return fmt.Errorf("part %.100q: %w", p.Name, err)
		}
		switch {
		case p.Name == previous:
			return fmt.Errorf("part %q is listed twice", p.Name)
		case p.Name < previous:
			return fmt.Errorf("parts are out of order: %q comes after %q", p.Name, previous)
		case objects[p.Object]:
			return fmt.Errorf("part %q: another part has its object", p.Name)
		}
		previous, objects[p.Object] = p.Name, true
		if err := sums.add(p); err != nil {
			return err
		}
	}
	return sums.compare(m)
}

func (p PartEntry) validate(encrypted bool) error {
	switch {
	case !validPart.MatchString(p.Name):
		return errors.New("the name has other characters than a-z, 0-9, \".\", \"-\" and \"_\", or is too long")
	case p.Role != surface.RoleData && p.Role != surface.RoleMeta && p.Role != RoleFingerprint:
		return fmt.Errorf("role %.100q is not known", p.Role)
	case isFingerprint(p.Name) != (p.Role == RoleFingerprint):
		return fmt.Errorf("a part of this name can't have the role %s", p.Role)
	case !validFormat.MatchString(p.Format):
		return fmt.Errorf("format %.100q has other characters than a-z, 0-9 and \"-\", or is too long", p.Format)
	case !isObjectOf(p.Object, p.Name, p.Format, encrypted):
		return fmt.Errorf("its object can't be %.100q: it would be %q", p.Object, objectName(p.Name, "", p.Format, encrypted))
	case p.Bytes <= 0 || p.PlainBytes < 0:
		return fmt.Errorf("sizes of %d and %d bytes are not possible", p.Bytes, p.PlainBytes)
	case !seal.ValidDigest(p.Digest):
		return fmt.Errorf("digest %.100q is not blake3: and 64 hexadecimal digits", p.Digest)
	case p.Role != RoleFingerprint && (p.Entries != 0 || p.Counts != nil):
		return errors.New("only the fingerprint has entries")
	case p.Entries < 0:
		return fmt.Errorf("%d entries are not possible", p.Entries)
	}
	return nil
}

// totals sums up parts, for the fields of a manifest that repeat them.
type totals struct {
	bytes, plain int64
	entries      int
	pieces       int
	counts       map[string]int64
}

func (t *totals) add(p PartEntry) error {
	if p.Bytes > math.MaxInt64-t.bytes || p.PlainBytes > math.MaxInt64-t.plain || p.Entries > math.MaxInt-t.entries {
		return errors.New("the sizes of its parts exceed 63 bits")
	}
	t.bytes += p.Bytes
	t.plain += p.PlainBytes
	t.entries += p.Entries
	if p.Role == RoleFingerprint {
		t.pieces++
	}
	for kind, n := range p.Counts {
		if n < 0 || n > math.MaxInt64-t.counts[kind] {
			return fmt.Errorf("part %q: a count of %d %.100q is not possible", p.Name, n, kind)
		}
		if t.counts == nil {
			t.counts = make(map[string]int64)
		}
		t.counts[kind] += n
	}
	return nil
}

func (t *totals) compare(m Manifest) error {
	switch {
	case t.pieces == 0 && m.Kind != KindBase:
		return errors.New("it has no fingerprint")
	case t.bytes != m.Bytes || t.plain != m.PlainBytes:
		return fmt.Errorf("its parts have %d bytes (%d before compression), it says %d (%d)", t.bytes, t.plain, m.Bytes, m.PlainBytes)
	case t.entries != m.Entries || len(t.counts) != len(m.Counts):
		return fmt.Errorf("its fingerprint has %d entries of %d kinds, it says %d of %d", t.entries, len(t.counts), m.Entries, len(m.Counts))
	}
	for kind, n := range t.counts {
		if m.Counts[kind] != n {
			return fmt.Errorf("its fingerprint counts %d %.100q, it says %d", n, kind, m.Counts[kind])
		}
	}
	return nil
}

// isFingerprint reports whether a part of that name holds entries of the fingerprint.
func isFingerprint(part string) bool {
	return part == FingerprintPart || strings.HasPrefix(part, FingerprintPart+".")
}
