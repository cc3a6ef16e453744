package archive

import (
	"errors"
	"io"
	"sync"
)

// The stages of a stream hand their bytes on in buffers of this size, of which
// up to pipeDepth wait between two stages. It is a multiple of age's chunks
// and zstd's blocks, and large enough that handing over costs nothing.
const (
	bufferSize = 256 << 10
	pipeDepth  = 4
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// errStopped is what a writer sees when the reading side went away without a reason of its own.
var errStopped = errors.New("the stream was stopped")

// pipe carries bytes from one goroutine to another, like io.Pipe with room in
// it: the writer runs ahead by up to pipeDepth+1 buffers. One goroutine may
// use the writing side and one the reading side; Stop may be called by any.
type pipe struct {
	full chan chunk
	// end is why full was closed: io.EOF or the writer's error.
	end    error
	ending sync.Once
	// quit is closed when nobody reads any more; reason is set before.
	quit     chan struct{}
	reason   error
	quitting sync.Once

	filling  chunk
	draining chunk
	drained  int
}

// chunk is a buffer with n bytes in it; the zero chunk has no buffer.
type chunk struct {
	buf *[bufferSize]byte
	n   int
}

func newPipe() *pipe {
	return &pipe{full: make(chan chunk, pipeDepth), quit: make(chan struct{})}
}

// Write implements io.Writer. It returns what Stop was given once the reader is gone.
func (p *pipe) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		if err := p.room(); err != nil {
			return written, err
		}
		n := copy(p.filling.buf[p.filling.n:], b)
		p.filling.n += n
		written += n
		b = b[n:]
	}
	return written, nil
}

// ReadFrom implements io.ReaderFrom: it fills the buffers from r without a copy.
func (p *pipe) ReadFrom(r io.Reader) (int64, error) {
	var total int64
	for {
		if err := p.room(); err != nil {
			return total, err
		}
		n, err := r.Read(p.filling.buf[p.filling.n:])
		p.filling.n += n
		total += int64(n)
		if err == io.EOF {
			return total, nil
		} else if err != nil {
			return total, err
		}
	}
}

// room makes sure that the buffer being filled has some, handing on a full one.
func (p *pipe) room() error {
	if p.filling.n == bufferSize {
		if err := p.hand(); err != nil {
			return err
		}
	}
	if p.filling.buf == nil {
		p.filling.buf = buffers.Get().(*[bufferSize]byte)
	}
	return nil
}

func (p *pipe) hand() error {
	select {
	case p.full <- p.filling:
		p.filling = chunk{}
		return nil
	case <-p.quit:
		return p.reason
	}
}

// End hands on what is buffered and lets the reader see err, or io.EOF for
// nil, after it. With an error what is buffered is dropped. Later calls do nothing.
func (p *pipe) End(err error) {
	p.ending.Do(func() {
		switch {
		case err != nil:
			p.end = err
		case p.filling.n == 0:
			p.end = io.EOF
		default:
			// When the reader is gone nobody looks at end.
			_ = p.hand()
			p.end = io.EOF
		}
		close(p.full)
	})
}

// Stop makes writes fail with err, or errStopped for nil. The reader calls it
// when it needs no more.
func (p *pipe) Stop(err error) {
	p.quitting.Do(func() {
		if err == nil {
			err = errStopped
		}
		p.reason = err
		close(p.quit)
	})
}

// next waits for a buffer. The one before it is given back.
func (p *pipe) next() error {
	if p.draining.buf != nil {
		buffers.Put(p.draining.buf)
		p.draining, p.drained = chunk{}, 0
	}
	c, ok := <-p.full
	if !ok {
		return p.end
	}
	p.draining = c
	return nil
}

// Read implements io.Reader. Its error at the end is what End was given.
func (p *pipe) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for p.drained == p.draining.n {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.draining.buf[p.drained:p.draining.n])
	p.drained += n
	return n, nil
}

// WriteTo implements io.WriterTo: w gets whole buffers, without a copy.
func (p *pipe) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if p.drained < p.draining.n {
			n, err := w.Write(p.draining.buf[p.drained:p.draining.n])
			p.drained += n
			total += int64(n)
			if err != nil {
				return total, err
			}
		}
		if err := p.next(); err == io.EOF {
			return total, nil
		} else if err != nil {
			return total, err
		}
	}
}
