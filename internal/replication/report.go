package replication

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// epoch is where PostgreSQL's clocks begin; they count microseconds.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func serverTime(b []byte) time.Time {
	return epoch.Add(time.Duration(int64(binary.BigEndian.Uint64(b))) * time.Microsecond)
}

// reporter tells the server what is durable, whatever the stream is busy with:
// a server that hears nothing for wal_sender_timeout ends the connection.
type reporter struct {
	conn     net.Conn
	sink     Sink
	from     wal.LSN
	patience time.Duration
	quiet    atomic.Bool

	mu     sync.Mutex
	failed error
}

func newReporter(conn net.Conn, sink Sink, from wal.LSN, patience time.Duration) *reporter {
	return &reporter{conn: conn, sink: sink, from: from, patience: patience}
}

// start reports now and then until stop has returned.
func (r *reporter) start(every time.Duration) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			// A server that has said nothing for a while is asked to.
			if r.report(r.quiet.Swap(true)) != nil {
				// Nobody is there any more: reading, too, has an end.
				_ = r.conn.Close()
				return
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// heard notes that the server is there.
func (r *reporter) heard() { r.quiet.Store(false) }

// broken is why reports can't be sent any more.
func (r *reporter) broken() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// report sends a standby status update: what is written and flushed is what is
// durable, and nothing is ever applied, so that no commit waits for that.
func (r *reporter) report(ask bool) error {
	flushed := r.sink.Flushed()
	if flushed < r.from {
		// A slot would follow backwards.
		flushed = 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.failed
	}
	body := make([]byte, 0, 1+4*8+1)
	body = append(body, 'r')
	body = binary.BigEndian.AppendUint64(body, uint64(flushed))
	body = binary.BigEndian.AppendUint64(body, uint64(flushed))
	body = binary.BigEndian.AppendUint64(body, 0)
	body = binary.BigEndian.AppendUint64(body, uint64(time.Since(epoch).Microseconds()))
	if ask {
		body = append(body, 1)
	} else {
		body = append(body, 0)
	}
	if r.failed = r.conn.SetWriteDeadline(time.Now().Add(r.patience)); r.failed == nil {
		_, r.failed = r.conn.Write(frame(msgCopyData, body))
	}
	return r.failed
}
