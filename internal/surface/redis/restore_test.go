package redis

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// smallPoint is a point of a server with a few keys.
func smallPoint(t testing.TB) (*Surface, *surfacetest.Point) {
	t.Helper()
	source := servers.Redis(t)
	c := source.Client(t)
	do(t, c, "SET", "string", "a value that is long enough to be found in the file")
	do(t, c, "RPUSH", "list", "a", "b")
	s := newSurface(t, source.URL)
	return s, surfacetest.Take(t, s)
}

func TestDamagedSnapshots(t *testing.T) {
	t.Parallel()
	s, point := smallPoint(t)
	part, rdb := point.Parts()[0], point.Data[partName]
	flipped := bytes.Clone(rdb)
	flipped[bytes.Index(rdb, []byte("long enough"))] ^= 1
	// A module's auxiliary field: opcode 247, a module's ID, and when it was saved.
	module := append([]byte("REDIS0010\xf7\x81ABCDEFGH\x02\x01"), rdb[headerSize:]...)
	for name, c := range map[string]struct {
		rdb  []byte
		want fault.Kind
		says string
	}{
		"empty":             {nil, fault.Corrupt, "too short"},
		"too short":         {rdb[:headerSize-1], fault.Corrupt, "too short"},
		"no RDB":            {append([]byte("PGDMP0001"), rdb[headerSize:]...), fault.Corrupt, "PGDMP"},
		"no version":        {append([]byte("REDISxyzw"), rdb[headerSize:]...), fault.Corrupt, "REDISxyzw"},
		"cut off in a list": {rdb[:bytes.Index(rdb, []byte("list"))+6], fault.Corrupt, "did not load"},
		"a bit flipped":     {flipped, fault.Corrupt, "checksum"},
		"a newer version":   {append([]byte("REDIS0099"), rdb[headerSize:]...), fault.Unsupported, "Redis 7.0.15 (RDB version 99) and Redis 7.0.15 can't read it"},
		"Valkey 9":          {append([]byte("VALKEY080"), rdb[headerSize:]...), fault.Unsupported, "RDB version 80"},
		"a module":          {module, fault.Unsupported, "module data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := surfacetest.Point{Server: point.Server, Data: map[string][]byte{partName: c.rdb}}
			check := func(doing string, err error) {
				t.Helper()
				if !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v, which is not of kind %s or does not say %q", doing, err, c.want, c.says)
				}
			}
			_, err := s.Examine(t.Context(), withParts{&damaged, point.Parts()})
			check("examine", err)

			target := newTarget(t)
			target.Replace = true
			do(t, connect(t, target, 0), "SET", "mine", "v")
			check("load key by key", s.Load(t.Context(), target, part, bytes.NewReader(c.rdb)))
			if n := do(t, connect(t, target, 0), "EXISTS", "mine", "string", "list"); n != int64(1) {
				t.Errorf("a live target was changed by a snapshot that can't be read: %v keys", n)
			}

			target.Throwaway = true
			err = s.Load(t.Context(), target, part, bytes.NewReader(c.rdb))
			if kind := fault.KindOf(err); err == nil || kind != c.want && kind != fault.Corrupt && kind != fault.Unavailable {
				t.Errorf("load as a replica: %v", err)
			}
		})
	}
}

// withParts is a point with the parts of another one.
type withParts struct {
	*surfacetest.Point
	parts []surface.Part
}

func (w withParts) Parts() []surface.Part { return w.parts }

func TestAStoreThatFailsMidway(t *testing.T) {
	t.Parallel()
	s, point := smallPoint(t)
	broken := fault.New(fault.Corrupt, "the part is not what was written")
	for _, throwaway := range []bool{true, false} {
		target := newTarget(t)
		target.Throwaway = throwaway
		rdb := point.Data[partName]
		r := io.MultiReader(bytes.NewReader(rdb[:len(rdb)/2]), iotest.ErrReader(broken))
		if err := s.Load(t.Context(), target, point.Parts()[0], r); !errors.Is(err, broken) {
			t.Errorf("the reader's own error is not told: %v", err)
		}
		// The target goes on as a server of its own.
		if role := do(t, connect(t, target, 0), "ROLE").([]any)[0]; role != "master" {
			t.Errorf("the target is left a %v", role)
		}
		surfacetest.Restore(t, s, target, point)
	}
}

func TestACancelledLoadEnds(t *testing.T) {
	t.Parallel()
	s, point := smallPoint(t)
	target := newTarget(t)
	target.Throwaway = true
	ctx, cancel := context.WithCancel(t.Context())
	rdb := point.Data[partName]
	r := io.MultiReader(bytes.NewReader(rdb[:20]), readerFunc(func([]byte) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, ctx.Err()
	}))
	if err := s.Load(ctx, target, point.Parts()[0], r); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled load: %v", err)
	}
	if role := do(t, connect(t, target, 0), "ROLE").([]any)[0]; role != "master" {
		t.Errorf("the target is left a %v", role)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTargetsWithFewDatabases(t *testing.T) {
	t.Parallel()
	source := servers.Redis(t, "--databases", "64")
	do(t, source.Client(t), "SET", "k", "new")
	do(t, source.Database(t, 63), "SET", "k", "v")
	s := newSurface(t, source.URL)
	point := surfacetest.Take(t, s)
	target := newTarget(t)
	target.Replace = true
	do(t, connect(t, target, 0), "SET", "k", "old")
	if err := s.Load(t.Context(), target, point.Parts()[0], bytes.NewReader(point.Data[partName])); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "databases") {
		t.Errorf("a database too many: %v", err)
	}
	if v := do(t, connect(t, target, 0), "GET", "k"); v != "old" {
		t.Errorf("the refused restore has set the key to %v", v)
	}
	surfacetest.Restore(t, s, newTarget(t, "--databases", "64"), point)
}

func TestReplaceRemovesWhatIsNotInTheSnapshot(t *testing.T) {
	t.Parallel()
	s, point := smallPoint(t)
	target := newTarget(t)
	target.Replace = true
	do(t, connect(t, target, 0), "SET", "extra", "v")
	do(t, connect(t, target, 0), "SADD", "string", "of another type")
	do(t, connect(t, target, 5), "SET", "string", "in another database")
	do(t, connect(t, target, 0), "FUNCTION", "LOAD", "#!lua name=extra\nredis.register_function('extra', function() return 2 end)")
	surfacetest.Restore(t, s, target, point)
	if functions := do(t, connect(t, target, 0), "FUNCTION", "LIST").([]any); len(functions) != 0 {
		t.Errorf("functions are left: %v", functions)
	}
}

func TestAnUnfinishedRestoreOfAnotherPoint(t *testing.T) {
	t.Parallel()
	s, first := smallPoint(t)
	_, second := smallPoint(t)
	target := newTarget(t)
	if err := s.Begin(t.Context(), target, first); err != nil {
		t.Fatal(err)
	}
	other := servers.Redis(t)
	do(t, other.Client(t), "SET", "other", "v")
	third := surfacetest.Take(t, newSurface(t, other.URL))
	if err := s.Begin(t.Context(), target, third); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "unfinished") {
		t.Errorf("begin another point's restore: %v", err)
	}
	// One of equal contents goes on.
	if err := s.Begin(t.Context(), target, second); err != nil {
		t.Error(err)
	}
	target.Replace = true
	surfacetest.Restore(t, s, target, third)
}

func TestRefusedRestores(t *testing.T) {
	t.Parallel()
	s, point := smallPoint(t)
	target := newTarget(t)
	target.Selection.Tables = []string{"public.t"}
	if err := s.Begin(t.Context(), target, point); !fault.Is(err, fault.Invalid) {
		t.Errorf("restore one table: %v", err)
	}
	if _, err := s.Fingerprint(t.Context(), target); !fault.Is(err, fault.Invalid) {
		t.Errorf("fingerprint one table: %v", err)
	}
	unknown := surface.Part{Name: partName, Role: surface.RoleData}
	if err := s.Load(t.Context(), newTarget(t), unknown, bytes.NewReader(nil)); !fault.Is(err, fault.Corrupt) {
		t.Errorf("load a part of nowhere: %v", err)
	}
	if _, err := s.Examine(t.Context(), withParts{point, nil}); !fault.Is(err, fault.Corrupt) {
		t.Errorf("examine a point without parts: %v", err)
	}
}

func TestNoServerToReadWith(t *testing.T) {
	t.Parallel()
	_, point := smallPoint(t)
	s, err := New("cache", surface.Config{URL: "redis://localhost", BinDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Examine(t.Context(), point); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "install") {
		t.Errorf("examine without a server: %v", err)
	}
	spec, err := json.Marshal(partSpec{Product: "Redis", Version: "99.1", Major: 99})
	if err != nil {
		t.Fatal(err)
	}
	newer := []surface.Part{{Name: partName, Role: surface.RoleData, Spec: spec}}
	s, err = New("cache", surface.Config{URL: "redis://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Examine(t.Context(), withParts{point, newer}); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "99") {
		t.Errorf("examine what Redis 99 wrote: %v", err)
	}
}

func TestStrangersGetNoData(t *testing.T) {
	t.Parallel()
	p, err := newPrimary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() {
		_, err := p.serve(ctx, strings.NewReader(smallRDB))
		served <- err
	}()
	for _, commands := range [][][]string{
		{{"PSYNC", "?", "-1"}},
		{{"PING"}, {"REPLCONF", "capa", "eof"}, {"PSYNC", "?", "-1"}},
		{{"AUTH", "wrong"}, {"PSYNC", "?", "-1"}},
		{{"AUTH", "default", ""}, {"PSYNC", "?", "-1"}},
	} {
		conn, err := net.Dial("tcp", p.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range commands {
			conn.Write(encodeCommand(command))
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn)
		if strings.Contains(string(got), "FULLRESYNC") || strings.Contains(string(got), "REDIS") {
			t.Errorf("%v was answered %q", commands, got)
		}
		conn.Close()
	}
	cancel()
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
}

func TestExpiredKeysDoNotCount(t *testing.T) {
	t.Parallel()
	source := servers.Redis(t)
	c := source.Client(t)
	soon := time.Now().Add(time.Hour)
	do(t, c, "SET", "stays", "v")
	do(t, c, "SET", "later", "v", "PXAT", farAway.UnixMilli())
	do(t, c, "SET", "soon", "v", "PXAT", soon.UnixMilli())
	// Whether the snapshot has this one or not, the restore comes too late for it.
	do(t, c, "SET", "at once", "v", "PX", 50)
	s := newSurface(t, source.URL)
	point := surfacetest.Take(t, s)
	for do(t, c, "EXISTS", "at once") != int64(0) {
		time.Sleep(10 * time.Millisecond)
	}
	for name, throwaway := range map[string]bool{"as a replica": true, "key by key": false} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			target.Throwaway = throwaway
			restore(t, s, target, point)
			differences := func(now time.Time) []surface.Difference {
				got, err := s.Fingerprint(t.Context(), target)
				if err != nil {
					t.Fatal(err)
				}
				return s.Unexpired(point.Fingerprint(), now).Compare(s.Unexpired(got, now))
			}
			if found := differences(time.Now()); len(found) > 0 {
				t.Errorf("restored, but %v", found)
			}
			// As if its time had come.
			do(t, connect(t, target, 0), "DEL", "soon")
			if len(differences(soon.Add(-3*time.Hour))) == 0 {
				t.Error("a key that is gone before its time does not show")
			}
			if found := differences(soon); len(found) > 0 {
				t.Errorf("after a key's time, %v", found)
			}
			do(t, connect(t, target, 0), "SET", "later", "other", "KEEPTTL")
			if len(differences(soon)) == 0 {
				t.Error("a changed key with a TTL does not show")
			}
		})
	}
}

// restore is what a restore does, without the comparison.
func restore(t *testing.T, s *Surface, target surface.Target, point *surfacetest.Point) {
	t.Helper()
	if err := s.Begin(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	if err := surfacetest.Load(t.Context(), s, target, point); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
}

func TestReasonsInALog(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]fault.Kind{
		"1:S 22 Nov # Can't handle RDB format version 99\n1:S 22 Nov * Reconnecting\n":                           fault.Unsupported,
		"1:C # FATAL: Data file was created with a Redis server configured to handle more than 4096 databases\n": fault.Unsupported,
		"1:S # Out Of Memory allocating 128 bytes!\n":                                                            fault.Exhausted,
		"1:S # Short read or OOM loading DB. Unrecoverable error, aborting now.\n":                               fault.Corrupt,
		"1:S * Loading DB in memory\n":                                                                           fault.Unavailable,
		"":                                                                                                       fault.Unavailable,
	} {
		if err := refusal(log); !fault.Is(err, want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is read as %v, not of kind %s", log, err, want)
		}
	}
}
