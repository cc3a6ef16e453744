package basebackup

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Options say how Extract puts files in place.
type Options struct {
	// Own gives everything to UID and GID, which needs root; otherwise files
	// belong to the process.
	Own      bool
	UID, GID int
	// Tablespace is the OID of the part's Spec.
	Tablespace uint32
	// Tablespaces are the absolute folders of the tablespaces by OID. One that
	// is linked from the data directory must be there; one without a folder
	// goes to pg_tblspc/OID in the data directory.
	Tablespaces map[uint32]string
	// FSync makes everything durable before Extract returns.
	FSync bool
}

// Extracted is what Extract put in place.
type Extracted struct {
	Files []Sum
}

// Sum is one file of a data directory. Path is as in PostgreSQL's manifest:
// files of a tablespace begin with pg_tblspc/OID/.
type Sum struct {
	Path   string
	Size   int64
	CRC32C uint32
}

// writeBuffer is for parts that come in small pieces: readers of package
// archive hand on whole buffers without it.
const writeBuffer = 256 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Extract puts one part, a tar archive read from r, into the data directory
// dir, which is made if need be. It may be called for several parts of a
// directory at once, and again for one that was interrupted. Files are 0600
// and folders 0700, with read access for the group where the archive has it.
//
// A member that would leave the directory, or is of a type or form that
// PostgreSQL doesn't send, is fault.Corrupt and is not put in place.
func Extract(ctx context.Context, r io.Reader, dir string, o Options) (Extracted, error) {
	x := &extractor{ctx: ctx, o: o}
	if err := x.open(dir); err != nil {
		return Extracted{}, fault.While(err, "preparing %s", dir)
	}
	defer x.root.Close()
	s := &scanner{to: x}
	_, err := io.Copy(s, bufferFor(r))
	if err = cmp.Or(err, s.end()); err != nil {
		return Extracted{}, errors.Join(err, x.abandon())
	}
	if o.FSync {
		if err := x.sync(); err != nil {
			return Extracted{}, fault.While(err, "making %s durable", dir)
		}
	}
	return x.out, nil
}

func bufferFor(r io.Reader) io.Reader {
	if _, ok := r.(io.WriterTo); ok {
		return r
	}
	return bufio.NewReaderSize(r, writeBuffer)
}

// extractor is the handler of a part.
type extractor struct {
	ctx  context.Context
	o    Options
	root *os.Root
	// prefix is what the manifest has before the names in root.
	prefix string
	// made has the folders that are known to be there, for sync.
	made map[string]bool

	file *os.File
	sum  Sum
	out  Extracted
}

func (x *extractor) open(dir string) error {
	x.made = make(map[string]bool)
	if err := x.folder(dir); err != nil {
		return err
	}
	if x.o.Tablespace != 0 {
		x.prefix = fmt.Sprintf("pg_tblspc/%d", x.o.Tablespace)
		parent := filepath.Join(dir, "pg_tblspc")
		place, mapped := x.o.Tablespaces[x.o.Tablespace]
		if !mapped {
			if err := x.folder(parent); err != nil {
				return err
			}
			place = filepath.Join(parent, strconv.FormatUint(uint64(x.o.Tablespace), 10))
		} else if !filepath.IsAbs(place) {
			return fault.New(fault.Invalid, "the folder %q of tablespace %d is not an absolute path", place, x.o.Tablespace)
		}
		if err := x.folder(place); err != nil {
			return err
		}
		dir = place
	}
	var err error
	x.root, err = os.OpenRoot(dir)
	return err
}

// folder makes one outside of root, if it isn't there.
func (x *extractor) folder(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if !x.o.Own {
		return nil
	}
	return os.Chown(dir, x.o.UID, x.o.GID)
}

func (x *extractor) member(m member, _ []byte) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	if err := x.parents(path.Dir(m.name)); err != nil {
		return refused(m, err)
	}
	switch m.kind {
	case kindDirectory:
		return refused(m, x.directory(m.name, os.FileMode(0o700|m.mode&0o050)))
	case kindLink:
		return x.link(m)
	}
	if m.name == "tablespace_map" && m.size > 0 {
		return fault.New(fault.Unsupported, "the backup was taken with a tablespace map, whose locations can't be changed: take it with links")
	}
	mode := os.FileMode(0o600 | m.mode&0o040)
	file, err := x.root.OpenFile(m.name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return refused(m, err)
	}
	x.file, x.sum = file, Sum{Path: path.Join(x.prefix, m.name), Size: m.size}
	if err := file.Chmod(mode); err != nil {
		return err
	}
	if x.o.Own {
		return file.Chown(x.o.UID, x.o.GID)
	}
	return nil
}

// refused names the member in an error that its place on the file system gave.
func refused(m member, err error) error { return fault.While(err, "extracting %q", m.name) }

// parents makes the folders above a member whose own members are in another part.
func (x *extractor) parents(dir string) error {
	if dir == "." || x.made[dir] {
		return nil
	}
	if err := x.parents(path.Dir(dir)); err != nil {
		return err
	}
	x.made[dir] = true
	if err := x.root.Mkdir(dir, 0o700); errors.Is(err, os.ErrExist) {
		return nil
	} else if err != nil {
		return err
	}
	if x.o.Own {
		return x.root.Lchown(dir, x.o.UID, x.o.GID)
	}
	return nil
}

func (x *extractor) directory(name string, mode os.FileMode) error {
	if err := x.parents(name); err != nil {
		return err
	}
	return x.root.Chmod(name, mode)
}

// link puts a tablespace's link to its folder here. Where it led on the source is of no matter.
func (x *extractor) link(m member) error {
	digits, inPlace := strings.CutPrefix(m.name, "pg_tblspc/")
	oid, err := strconv.ParseUint(digits, 10, 32)
	if !inPlace || err != nil || x.o.Tablespace != 0 || strconv.FormatUint(oid, 10) != digits {
		return fault.New(fault.Corrupt, "%q is a link, and not that of a tablespace", m.name)
	}
	place, ok := x.o.Tablespaces[uint32(oid)]
	if !ok || !filepath.IsAbs(place) {
		return fault.New(fault.Invalid, "tablespace %d (%s) has no folder to be restored to: give an absolute path", oid, m.link)
	}
	if existing, err := x.root.Readlink(m.name); err == nil && existing == place {
		return nil
	}
	if err := x.root.Remove(m.name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := x.root.Symlink(place, m.name); err != nil {
		return err
	}
	if x.o.Own {
		return x.root.Lchown(m.name, x.o.UID, x.o.GID)
	}
	return nil
}

func (x *extractor) data(b []byte) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	x.sum.CRC32C = crc32.Update(x.sum.CRC32C, castagnoli, b)
	_, err := x.file.Write(b)
	return err
}

func (x *extractor) pad([]byte) error { return nil }

func (x *extractor) memberEnd() error {
	if x.file == nil {
		return nil
	}
	x.out.Files = append(x.out.Files, x.sum)
	return x.closeFile()
}

func (x *extractor) closeFile() error {
	file := x.file
	x.file = nil
	return file.Close()
}

func (x *extractor) abandon() error {
	if x.file == nil {
		return nil
	}
	return x.closeFile()
}
