package replication_test

import (
	"io"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// nothing takes a base backup, and WAL, and only counts.
type nothing struct {
	bytes int64
	// until is where reached is closed.
	until   wal.LSN
	reached chan struct{}
}

func (n *nothing) Write(p []byte) (int, error) {
	n.bytes += int64(len(p))
	return len(p), nil
}

func (n *nothing) Begin(replication.BaseStart) error         { return nil }
func (n *nothing) Archive(string, string) (io.Writer, error) { return n, nil }
func (n *nothing) Manifest() (io.Writer, error)              { return n, nil }
func (n *nothing) Progress(int64)                            {}
func (n *nothing) Idle(wal.LSN, time.Time) error             { return nil }
func (n *nothing) Flushed() wal.LSN                          { return 0 }
func (n *nothing) WAL(at wal.LSN, data []byte) error {
	n.bytes += int64(len(data))
	if end := at + wal.LSN(len(data)); at < n.until && end >= n.until {
		close(n.reached)
	}
	return nil
}

// used is the CPU time of this process, or of its children that have ended.
func used(b *testing.B, who int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBaseBackup takes base backups to nothing, ours and pg_basebackup's
// in turn. CPU is the client's.
func BenchmarkBaseBackup(b *testing.B) {
	pg := servers.Postgres(b, "max_wal_size = 4GB")
	write(b, pg.URL, 1000)
	run(b, pg.URL, "CHECKPOINT")
	b.Run("ours", func(b *testing.B) {
		conn := dial(b, at(pg.URL))
		sink := &nothing{}
		before := used(b, syscall.RUSAGE_SELF)
		for b.Loop() {
			if _, err := conn.BaseBackup(b.Context(), replication.BaseOptions{Fast: true}, sink); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(sink.bytes / int64(b.N))
		b.ReportMetric((used(b, syscall.RUSAGE_SELF)-before).Seconds()/float64(b.N), "cpu-s/op")
	})
	b.Run("pg_basebackup", func(b *testing.B) {
		before := used(b, syscall.RUSAGE_CHILDREN)
		for b.Loop() {
			cmd := exec.Command(pg.Tool("pg_basebackup"), "-d", pg.URL, "-Ft", "-D", "-", "-X", "none", "-c", "fast", "--manifest-checksums", "CRC32C")
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((used(b, syscall.RUSAGE_CHILDREN)-before).Seconds()/float64(b.N), "cpu-s/op")
	})
}

// BenchmarkStream streams WAL that is there already to nothing.
func BenchmarkStream(b *testing.B) {
	pg := servers.Postgres(b, "max_wal_size = 4GB", "wal_keep_size = 4GB")
	conn := dial(b, at(pg.URL))
	o := replication.StreamOptions{Timeline: 1, From: segmentStart(flushed(b, pg.URL))}
	write(b, pg.URL, 600)
	until := flushed(b, pg.URL)
	before := used(b, syscall.RUSAGE_SELF)
	for b.Loop() {
		sink := &nothing{until: until, reached: make(chan struct{})}
		s := stream(b, conn, o, sink)
		<-sink.reached
		s.cancel()
		s.wait(b)
	}
	b.SetBytes(int64(until - o.From))
	b.ReportMetric((used(b, syscall.RUSAGE_SELF)-before).Seconds()/float64(b.N), "cpu-s/op")
}
