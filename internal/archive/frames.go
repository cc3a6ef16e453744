package archive

import (
	"io"
	"sync"

	"github.com/DataDog/zstd"
)

// A part is cut into blocks, each compressed to a zstd frame of its own by
// libzstd's one-shot call, which needs no window beside the block: on heap
// pages that costs a quarter less CPU at level 1 than one frame over all, and
// blocks can be compressed at once. Frames one after another are an ordinary
// zstd stream. The sizes are where a larger block gains under half a percent:
// level 1 looks back 512 KiB, level 3 two MiB.
const (
	quickBlock = 2 << 20
	largeBlock = 4 << 20
	// quickLevels go up to this one.
	quickLevels = 2
)

// blockBuffer holds a block, or a frame of one that did not compress.
type blockBuffer []byte

// Contexts of libzstd keep their tables, which lie outside Go's memory, from
// block to block: about 1 MiB at level 1, 60 MiB at 19.
var (
	quickBuffers = newBuffers(quickBlock)
	largeBuffers = newBuffers(largeBlock)
	contexts     = sync.Pool{New: func() any { return zstd.NewCtx() }}
)

// newBuffers has buffers that hold so much, however badly it compresses.
func newBuffers(size int) *sync.Pool {
	return &sync.Pool{New: func() any {
		buffer := make(blockBuffer, size+size>>8)
		return &buffer
	}}
}

// blocks is how much is compressed at once at a level, and buffers for it.
func blocks(level int) (size int, buffers *sync.Pool) {
	if level <= quickLevels {
		return quickBlock, quickBuffers
	}
	return largeBlock, largeBuffers
}

// block is a piece of plaintext on its way to become a frame.
type block struct {
	plain *blockBuffer
	n     int
	// packed, frame and err are set before ready is closed.
	packed *blockBuffer
	frame  []byte
	err    error
	ready  chan struct{}
}

// packer compresses what is written to it; what is read from it is the
// compressed stream. One goroutine may use the writing side and one the
// reading side; Stop may be called by any. At most workers+2 blocks and
// workers+1 frames are in memory.
type packer struct {
	level, workers, size int
	buffers              *sync.Pool
	meter                *meter

	// order has the blocks as they follow one another, todo those that no worker has taken.
	order, todo chan *block
	// end is why order was closed: io.EOF or the writer's error.
	end      error
	ending   sync.Once
	quit     chan struct{}
	reason   error
	quitting sync.Once

	started int
	running sync.WaitGroup

	filling *block
	// counted is how much of filling the meter has been told.
	counted int
	handed  bool

	draining *block
}

func newPacker(level, workers int, m *meter) *packer {
	workers = max(workers, 1)
	size, buffers := blocks(level)
	return &packer{
		level: level, workers: workers, size: size, buffers: buffers, meter: m,
		order: make(chan *block, workers), quit: make(chan struct{}),
		// One more than order holds, for the block that the reader waits for: sending never blocks.
		todo: make(chan *block, workers+1),
	}
}

// Write implements io.Writer. It returns what Stop was given once the reader is gone.
func (p *packer) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		if p.filling != nil && p.filling.n == p.size {
			if err := p.hand(); err != nil {
				return written, err
			}
		}
		f := p.fill()
		n := copy((*f.plain)[f.n:p.size], b)
		f.n += n
		written += n
		b = b[n:]
		if f.n-p.counted >= bufferSize {
			p.count()
		}
	}
	return written, nil
}

func (p *packer) fill() *block {
	if p.filling == nil {
		p.filling = &block{plain: p.buffers.Get().(*blockBuffer), ready: make(chan struct{})}
		p.counted = 0
	}
	return p.filling
}

func (p *packer) count() {
	p.meter.plain.Add(int64(p.filling.n - p.counted))
	p.counted = p.filling.n
	p.meter.tick()
}

func (p *packer) hand() error {
	p.count()
	select {
	case p.order <- p.filling:
	case <-p.quit:
		return p.reason
	}
	p.todo <- p.filling
	p.filling, p.handed = nil, true
	// A part of one block needs one worker only.
	if p.started < p.workers {
		p.started++
		p.running.Go(p.work)
	}
	return nil
}

func (p *packer) work() {
	ctx := contexts.Get().(zstd.Ctx)
	defer contexts.Put(ctx)
	for b := range p.todo {
		select {
		case <-p.quit:
			b.err = p.reason
		default:
			b.packed = p.buffers.Get().(*blockBuffer)
			b.frame, b.err = ctx.CompressLevel(*b.packed, (*b.plain)[:b.n], p.level)
		}
		p.buffers.Put(b.plain)
		b.plain = nil
		close(b.ready)
	}
}

// End hands on what is buffered and lets the reader see err, or io.EOF for
// nil, after it. With an error what is buffered is dropped. Later calls do nothing.
func (p *packer) End(err error) {
	p.ending.Do(func() {
		p.end = err
		if err == nil {
			p.end = io.EOF
			// Nothing at all is one empty frame. When the reader is gone nobody looks at end.
			if p.filling != nil || !p.handed {
				p.fill()
				_ = p.hand()
			}
		}
		close(p.todo)
		close(p.order)
	})
}

// Stop makes writes fail with err, or errStopped for nil. The reader calls it
// when it needs no more.
func (p *packer) Stop(err error) {
	p.quitting.Do(func() {
		if err == nil {
			err = errStopped
		}
		p.reason = err
		close(p.quit)
	})
}

// Wait returns when no worker runs any more, after End.
func (p *packer) Wait() { p.running.Wait() }

// Read implements io.Reader. Its error at the end is what End was given.
func (p *packer) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for p.draining == nil || len(p.draining.frame) == 0 {
		if p.draining != nil {
			p.buffers.Put(p.draining.packed)
			p.draining = nil
		}
		next, ok := <-p.order
		if !ok {
			return 0, p.end
		}
		<-next.ready
		if next.err != nil {
			return 0, next.err
		}
		p.draining = next
	}
	n := copy(b, p.draining.frame)
	p.draining.frame = p.draining.frame[n:]
	return n, nil
}
