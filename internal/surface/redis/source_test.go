package redis

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestUsersWithFewRights(t *testing.T) {
	t.Parallel()
	source := servers.Redis(t)
	do(t, source.Client(t), "SET", "k", "v")
	for name, c := range map[string]struct {
		rights string
		want   fault.Kind
	}{
		"enough, with the size":    {"+ping +psync +replconf +info", ""},
		"enough, without the size": {"+ping +psync +replconf", ""},
		"no PSYNC":                 {"+ping +replconf +info", fault.Denied},
		"no REPLCONF":              {"+ping +psync +info", fault.Denied},
		"no PING":                  {"+psync +replconf +info", fault.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			user := strings.NewReplacer(" ", "-", ",", "").Replace(name)
			command := []any{"ACL", "SETUSER", user, "on", ">p@ss w:/?#"}
			for right := range strings.FieldsSeq(c.rights) {
				command = append(command, right)
			}
			do(t, source.Client(t), command...)
			s := newSurface(t, source.As(user, "p@ss w:/?#"))
			if c.want == "" {
				point := surfacetest.Take(t, s)
				if len(point.Fingerprint()) != 1 || point.Server.Major < 6 {
					t.Errorf("the point of %v shows %v", point.Server, point.Fingerprint())
				}
				return
			}
			err := dumpAll(t, s)
			if !fault.Is(err, c.want) || !strings.Contains(err.Error(), "+ping +psync +replconf") {
				t.Errorf("%v, which is not of kind %s or does not say what is needed", err, c.want)
			}
		})
	}
	for name, url := range map[string]string{"wrong password": source.As("default", "wrong"), "no password": "redis://" + source.Address} {
		if _, err := newSurface(t, url).Probe(t.Context()); !fault.Is(err, fault.Denied) || strings.Contains(err.Error(), "wrong:") {
			t.Errorf("with %s: %v", name, err)
		}
	}
}

// dumpAll is what a snapshot does until something fails.
func dumpAll(t *testing.T, s *Surface) error {
	t.Helper()
	view, err := s.Hold(t.Context())
	if err != nil {
		return err
	}
	defer view.Close()
	_, err = s.Dump(t.Context(), view.Token(), view.Parts()[0], io.Discard)
	return err
}

func TestServersThatAreNoSource(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	// The default port of the bus, 10000 higher, is among those of outgoing connections.
	cluster := servers.Redis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	lonely := servers.Redis(t, "--replicaof", "127.0.0.1 "+port)
	for name, c := range map[string]struct {
		server *servers.RedisServer
		want   fault.Kind
		says   string
	}{
		"a node of a cluster":      {cluster, fault.Unsupported, "single servers and replicas are supported"},
		"a replica with no source": {lonely, fault.Unavailable, "lost its primary"},
	} {
		s := newSurface(t, c.server.URL)
		if _, err := s.Hold(t.Context()); !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("a view of %s: %v", name, err)
		}
		target := surface.Target{URL: secret.String(c.server.URL)}
		if err := s.Begin(t.Context(), target, &surfacetest.Point{}); !fault.Is(err, fault.Unsupported) {
			t.Errorf("a restore into %s: %v", name, err)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	return fmt.Sprint(servers.FreePort(t))
}

func TestAReplicaIsASource(t *testing.T) {
	t.Parallel()
	primary := servers.Redis(t)
	do(t, primary.Client(t), "SET", "k", "v")
	_, port, err := net.SplitHostPort(primary.Address)
	if err != nil {
		t.Fatal(err)
	}
	replica := servers.Redis(t, "--masterauth", servers.RedisPassword, "--replicaof", "127.0.0.1 "+port)
	s := newSurface(t, replica.URL)
	for n := 0; dumpAll(t, s) != nil; n++ {
		if n == 1000 {
			t.Fatal(dumpAll(t, s))
		}
	}
	if got := surfacetest.Take(t, s).Fingerprint(); len(got) != 1 || got[0].Count != 1 {
		t.Errorf("the snapshot of a replica shows %v", got)
	}
}

func TestAnEmptyServer(t *testing.T) {
	t.Parallel()
	s := newSurface(t, servers.Redis(t).URL)
	point := surfacetest.Take(t, s)
	if len(point.Fingerprint()) != 0 {
		t.Errorf("an empty server shows %v", point.Fingerprint())
	}
	target := newTarget(t)
	surfacetest.Restore(t, s, target, point)
	do(t, connect(t, target, 0), "SET", "k", "v")
	target.Replace = true
	surfacetest.Restore(t, s, target, point)
	if n := do(t, connect(t, target, 0), "DBSIZE"); n != int64(0) {
		t.Errorf("replaced by nothing, %v keys are there", n)
	}
}

// TestConsistentUnderWrites moves a unit from one key to another all the time:
// every moment's state, and so every snapshot, has the same sum.
func TestConsistentUnderWrites(t *testing.T) {
	t.Parallel()
	for _, diskless := range []string{"yes", "no"} {
		t.Run("diskless "+diskless, func(t *testing.T) {
			t.Parallel()
			source := servers.Redis(t, "--repl-diskless-sync", diskless)
			c := source.Client(t)
			fillLarge(t, c)
			do(t, c, "MSET", "left", 1_000_000, "right", 0)
			ctx, stop := context.WithCancel(t.Context())
			moved := make(chan int)
			go func() {
				n := 0
				for ; ctx.Err() == nil; n++ {
					tx := c.TxPipeline()
					tx.Decr(context.Background(), "left")
					tx.Incr(context.Background(), "right")
					tx.Set(context.Background(), fmt.Sprintf("new:%d", n), bytes.Repeat([]byte("x"), 1000), 0)
					if _, err := tx.Exec(context.Background()); err != nil {
						break
					}
				}
				moved <- n
			}()
			s := newSurface(t, source.URL)
			point := surfacetest.Take(t, s)
			stop()
			if n := <-moved; n == 0 {
				t.Fatal("nothing was written meanwhile")
			}
			target := newTarget(t)
			target.Throwaway = true
			surfacetest.Restore(t, s, target, point)
			restored := connect(t, target, 0)
			left, errLeft := restored.Get(t.Context(), "left").Int()
			right, errRight := restored.Get(t.Context(), "right").Int()
			if errLeft != nil || errRight != nil || left+right != 1_000_000 {
				t.Errorf("the sum is %d + %d: %v, %v", left, right, errLeft, errRight)
			}
			// Each move made a key: the snapshot has as many as it shows moves.
			if n := do(t, restored, "EVAL", "return #redis.call('KEYS', 'new:*')", 0); n != int64(right) {
				t.Errorf("%d moves were restored with %v of their keys", right, n)
			}
		})
	}
}

func TestASourceThatDiesMidway(t *testing.T) {
	t.Parallel()
	source := servers.Redis(t, "--rdb-key-save-delay", "2000")
	fillLarge(t, source.Client(t))
	s := newSurface(t, source.URL)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Dump(t.Context(), view.Token(), view.Parts()[0], writerFunc(func(p []byte) (int, error) {
		source.Kill()
		return len(p), nil
	}))
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("the source died: %v", err)
	}
	if err := view.Check(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("check of a dead source: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
