package telemetry

import (
	"archive/tar"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// block is what a block says of itself in meta.json, as far as it is looked at
// (prometheus/tsdb/docs/format).
type block struct {
	ULID string `json:"ulid"`
	// MinTime and MaxTime are milliseconds since 1970; MaxTime is exclusive.
	MinTime int64 `json:"minTime"`
	MaxTime int64 `json:"maxTime"`
	Stats   struct {
		NumSamples int64 `json:"numSamples"`
	} `json:"stats"`
}

// ulid is how blocks are named.
var ulid = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{26}$`)

const (
	metaName = "meta.json"
	// mostMeta is how large it may be: it names the blocks that a block was made of.
	mostMeta = 4 << 20
)

func readMeta(dir string) (block, error) {
	var b block
	f, err := os.Open(filepath.Join(dir, metaName))
	if err != nil {
		return b, fault.Disk(err, "read block %s", filepath.Base(dir))
	}
	defer f.Close()
	return parseMeta(f, filepath.Base(dir))
}

func parseMeta(r io.Reader, name string) (block, error) {
	var b block
	if err := json.NewDecoder(io.LimitReader(r, mostMeta)).Decode(&b); err != nil || b.ULID != name || b.MaxTime < b.MinTime {
		return b, fault.New(fault.Corrupt, "the %s of block %s is not as Prometheus writes it", metaName, name)
	}
	return b, nil
}

// blocksIn are the blocks in a data directory or a snapshot, the oldest first.
func blocksIn(dir string) ([]block, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.Disk(err, "list the blocks in %s", dir)
	}
	var out []block
	for _, entry := range entries {
		if !entry.IsDir() || !ulid.MatchString(entry.Name()) {
			continue
		}
		b, err := readMeta(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// within reports whether a block has anything of a time after since.
func (b block) within(since time.Time) bool { return b.MaxTime > since.UnixMilli() }

// known is what a file of a block may be called.
var known = regexp.MustCompile(`^(meta\.json|index|tombstones|chunks/[0-9]{6})$`)

// filesOf are the files of a block in order, with their sizes. What is not
// known there fails: it would be missing from the point.
func filesOf(dir string) (names []string, sizes map[string]int64, err error) {
	sizes = map[string]int64{}
	err = filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && name != "chunks" {
				return fault.New(fault.Unsupported, "block %s has a folder %s, which is not known", filepath.Base(dir), name)
			}
			return nil
		}
		if !entry.Type().IsRegular() || !known.MatchString(name) {
			return fault.New(fault.Unsupported, "block %s has a file %s, which is not known", filepath.Base(dir), name)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		names, sizes[name] = append(names, name), info.Size()
		return nil
	})
	slices.Sort(names)
	return names, sizes, fault.Disk(err, "list the files of block %s", filepath.Base(dir))
}

// digest is that of a block's contents: of each file but meta.json, in order of
// their names, the length of its name and the name, the length of its contents
// and the contents, lengths in 8 bytes, the most significant first.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{seal.NewDigest()} }

func (d digest) begin(name string, size int64) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(name)))
	_, _ = d.Write(length[:])
	_, _ = d.Write([]byte(name))
	binary.BigEndian.PutUint64(length[:], uint64(size))
	_, _ = d.Write(length[:])
}

// writeTar writes a block as a tar archive, its files in order of their names,
// and returns its entry of the fingerprint.
func writeTar(dir string, w io.Writer) (surface.Entry, error) {
	b, err := readMeta(dir)
	if err != nil {
		return surface.Entry{}, err
	}
	names, sizes, err := filesOf(dir)
	if err != nil {
		return surface.Entry{}, err
	}
	sum, archive := newDigest(), tar.NewWriter(w)
	for _, name := range names {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: sizes[name], Mode: 0o600, Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return surface.Entry{}, err
		}
		if err := sum.file(filepath.Join(dir, filepath.FromSlash(name)), name, sizes[name], archive); err != nil {
			return surface.Entry{}, err
		}
	}
	return b.entry(sum), archive.Close()
}

// file digests one file, unless it is meta.json, and copies it.
func (d digest) file(at, name string, size int64, w io.Writer) error {
	f, err := os.Open(at)
	if err != nil {
		return fault.Disk(err, "read %s of a block", name)
	}
	defer f.Close()
	to := w
	if name != metaName {
		d.begin(name, size)
		to = io.MultiWriter(w, d)
	}
	// One byte more shows that it grew: tar refuses it.
	if n, err := io.CopyN(to, f, size); errors.Is(err, io.EOF) {
		return fault.New(fault.Lost, "%s of a block became shorter, at %d bytes", name, n)
	} else if err != nil {
		return err
	}
	return nil
}

// kindBlock is the one kind of entries of a fingerprint.
const kindBlock = "block"

func (b block) entry(sum digest) surface.Entry {
	return surface.Entry{Kind: kindBlock, Name: b.ULID, Count: b.Stats.NumSamples, Digest: seal.FormatDigest(sum)}
}

// look takes the entry of a block that is in place.
func look(dir string) (surface.Entry, error) { return writeTar(dir, io.Discard) }

// partName is the name of a block's part, which has no capitals.
func partName(name string) string { return "block-" + strings.ToLower(name) + ".tar" }

// extract reads a block's tar archive into an empty folder, to its very end,
// and flushes every file to disk. Errors are fault.Corrupt for what is no block.
func extract(r io.Reader, dir, name string, give func(path string) error) error {
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "chunks"), 0o700), give(filepath.Join(dir, "chunks"))); err != nil {
		return fault.Disk(err, "make the folder of block %s", name)
	}
	archive := tar.NewReader(r)
	seen := map[string]bool{}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return corruptTar(err, name)
		}
		clean := path.Clean(header.Name)
		if header.Typeflag != tar.TypeReg || clean != header.Name || !known.MatchString(clean) || seen[clean] {
			return fault.New(fault.Corrupt, "block %s has %q in it, which belongs to no block", name, header.Name)
		}
		seen[clean] = true
		if err := place(archive, filepath.Join(dir, filepath.FromSlash(clean)), give); err != nil {
			return fault.While(err, "block %s", name)
		}
	}
	// What follows the end of the archive is read, too: only then are the bytes known to be those that were written.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fault.While(err, "read block %s", name)
	}
	if !seen[metaName] || !seen["index"] {
		return fault.New(fault.Corrupt, "block %s is not whole", name)
	}
	_, err := readMeta(dir)
	return err
}

// corruptTar keeps the kind of an error of what is read, and calls others corrupt.
func corruptTar(err error, name string) error {
	if _, classified := errors.AsType[*fault.Error](err); classified {
		return fault.While(err, "read block %s", name)
	}
	return fault.Wrap(fault.Corrupt, err, "read block %s", name)
}

func place(from io.Reader, to string, give func(string) error) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Disk(err, "write %s", to)
	}
	_, err = io.Copy(f, from)
	if err != nil {
		_ = f.Close()
		if _, classified := errors.AsType[*fault.Error](err); !classified && errors.Is(err, io.ErrUnexpectedEOF) {
			return fault.Wrap(fault.Corrupt, err, "it ends early")
		}
		return fault.Disk(err, "write %s", to)
	}
	return fault.Disk(errors.Join(f.Sync(), f.Close(), give(to)), "write %s", to)
}
