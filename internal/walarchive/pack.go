package walarchive

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"sync"

	"github.com/DataDog/zstd"
	"github.com/cespare/xxhash/v2"
)

const (
	// packPiece is how much is compressed at once.
	packPiece = 256 << 10
	// descriptor is the offset of the frame header's descriptor, checksumFlag
	// its bit that says that a checksum of the contents ends the frame (RFC
	// 8878, 3.1.1.1). The binding of libzstd has no way to ask for one.
	descriptor   = 4
	checksumFlag = 1 << 2
	// checksumSize is that of the checksum: the low half of XXH64.
	checksumSize = 4
)

// packAtOnce is how much is compressed in one go, which costs a quarter less
// than in pieces: a segment of the usual size. wholes has the one buffer and the
// one context for it, whichever segment is first.
const packAtOnce = 16 << 20

var wholes = sync.OnceValue(func() chan whole {
	one := make(chan whole, 1)
	one <- whole{zstd.NewCtx(), make([]byte, zstd.CompressBound(packAtOnce))}
	return one
})

type whole struct {
	ctx    zstd.Ctx
	buffer []byte
}

// packer is the reader of data in its stored form but for the encryption: its
// label, and one zstd frame with a checksum. Up to packAtOnce is compressed at
// the first read. More is compressed as it is read, so that no more than a piece
// in either form is in memory beside the data.
type packer struct {
	rest  []byte
	sum   uint32
	level int
	zw    *zstd.Writer
	out   bytes.Buffer
	// written counts the bytes of the frame so far, -1 when it is complete.
	written int
}

func newPacker(l label, data []byte, level int) *packer {
	p := &packer{rest: data, sum: uint32(xxhash.Sum64(data)), level: level}
	p.out.Write(l.frame())
	return p
}

// Read implements io.Reader.
func (p *packer) Read(b []byte) (int, error) {
	for p.out.Len() == 0 {
		if p.written < 0 {
			return 0, io.EOF
		}
		if err := p.more(); err != nil {
			return 0, err
		}
	}
	return p.out.Read(b)
}

// more compresses everything, or the next piece, or ends the frame.
func (p *packer) more() error {
	if p.zw == nil {
		if len(p.rest) <= packAtOnce {
			return p.all()
		}
		p.zw = zstd.NewWriterLevel(frameWriter{p}, p.level)
	}
	if n := min(len(p.rest), packPiece); n > 0 {
		_, err := p.zw.Write(p.rest[:n])
		p.rest = p.rest[n:]
		return err
	}
	return p.end()
}

// all compresses all there is.
func (p *packer) all() error {
	w := <-wholes()
	defer func() { wholes() <- w }()
	frame, err := w.ctx.CompressLevel(w.buffer, p.rest, p.level)
	if err != nil {
		return err
	}
	if _, err := (frameWriter{p}).Write(frame); err != nil {
		return err
	}
	p.written = -1
	p.out.Write(binary.LittleEndian.AppendUint32(nil, p.sum))
	return nil
}

func (p *packer) end() error {
	err := p.zw.Close()
	p.written = -1
	p.out.Write(binary.LittleEndian.AppendUint32(nil, p.sum))
	return err
}

// Close frees what the compressor holds when the data was not read to its end.
func (p *packer) Close() error {
	if p.written < 0 || p.zw == nil {
		return nil
	}
	return p.end()
}

// frameWriter announces the checksum in the frame's header.
type frameWriter struct{ *packer }

func (w frameWriter) Write(b []byte) (int, error) {
	head := 0
	if at := descriptor - w.written; at >= 0 && at < len(b) {
		// The bytes are the caller's: what is changed is a copy.
		begin := bytes.Clone(b[:at+1])
		begin[at] |= checksumFlag
		n, err := w.out.Write(begin)
		w.written += n
		if err != nil {
			return n, err
		}
		head = n
	}
	n, err := w.out.Write(b[head:])
	w.written += n
	return head + n, err
}

// unpacker is the reader of what a packer made, after the label. It ends well
// only when there were exactly as many bytes as there should be and their
// checksum is right; libzstd takes a frame without its end for an end.
type unpacker struct {
	zr   io.ReadCloser
	tail *tail
	sum  *xxhash.Digest
	left int64
}

func newUnpacker(r io.Reader, size int64) *unpacker {
	t := &tail{r: r}
	return &unpacker{zr: zstd.NewReader(t), tail: t, sum: xxhash.New(), left: size}
}

// Read implements io.Reader. It never gives more bytes than there should be.
func (u *unpacker) Read(b []byte) (int, error) {
	if u.left == 0 {
		return 0, u.end()
	}
	n, err := u.zr.Read(b[:min(int64(len(b)), u.left)])
	u.left -= int64(n)
	// A hash takes everything.
	_, _ = u.sum.Write(b[:n])
	if err == io.EOF {
		err = errTruncated
	}
	return n, err
}

// end reads what is behind the last byte: nothing, but for the checksum.
func (u *unpacker) end() error {
	var one [1]byte
	switch n, err := io.ReadFull(u.zr, one[:]); {
	case n > 0:
		return errTooLong
	case err != io.EOF:
		return cmp.Or(err, errTooLong)
	case uint64(u.tail.last()) != u.sum.Sum64()&math.MaxUint32:
		return errTruncated
	}
	return io.EOF
}

// Close frees what the decompressor holds.
func (u *unpacker) Close() error { return u.zr.Close() }

// tail remembers the last bytes that were read.
type tail struct {
	r     io.Reader
	bytes [checksumSize]byte
}

func (t *tail) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	if n >= checksumSize {
		copy(t.bytes[:], b[n-checksumSize:n])
	} else {
		copy(t.bytes[:], t.bytes[n:])
		copy(t.bytes[checksumSize-n:], b[:n])
	}
	return n, err
}

func (t *tail) last() uint32 { return binary.LittleEndian.Uint32(t.bytes[:]) }
