package telemetry_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestARestoredCopyAnswersForTheTimeOfAnIncident(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7, 2: 7}, adminAPI)
	live.sell(t, 42)
	moment := time.Now()
	point := surfacetest.Take(t, live.surface(t))
	live.sell(t, 43)

	all := newCopies(t)
	server := all.start(t)
	surfacetest.Restore(t, live.surface(t), surface.Target{URL: server.URL, Throwaway: true}, point)
	durable, err := all.MakeDurable(t.Context(), server.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := durable.URL.Reveal()
	for query, want := range map[string]string{
		// What was in memory alone.
		"last_over_time(price[1h])": "42",
		"max_over_time(sold[3h])":   "7",
	} {
		got, err := values(t.Context(), at, query, moment.Add(time.Second))
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s answers %v, %v, and not %s", query, got, err, want)
		}
	}
	if got, err := values(t.Context(), at, "count_over_time(up[1m])", time.Now().Add(time.Minute)); err != nil || len(got) > 0 {
		t.Errorf("the copy scrapes: %v, %v", got, err)
	}
	// It was restarted, and its blocks are those of the point still.
	surfacetest.RequireSame(t, live.surface(t), surface.Target{URL: durable.URL}, point)
}

func TestBlocksBelongToWhomTheDataBelongsTo(t *testing.T) {
	t.Parallel()
	account, err := user.Lookup("prometheus")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("only root runs servers as somebody else")
	}
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	point := surfacetest.Take(t, live.surface(t))
	server := newCopies(t).start(t)
	surfacetest.Restore(t, live.surface(t), surface.Target{URL: server.URL}, point)
	count := 0
	err = filepath.WalkDir(filepath.Join(server.Dir, "data", "tsdb"), func(path string, _ os.DirEntry, err error) error {
		var stat syscall.Stat_t
		if err := errors.Join(err, syscall.Lstat(path, &stat)); err != nil {
			return err
		}
		if count++; strconv.Itoa(int(stat.Uid)) != account.Uid {
			t.Errorf("%s belongs to user %d", path, stat.Uid)
		}
		return nil
	})
	if err != nil || count < 4 {
		t.Errorf("%d files, %v", count, err)
	}
}

func TestWhereARestoreDoesNotGo(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	surf := live.surface(t)
	point := surfacetest.Take(t, surf)
	itself := surface.Target{URL: surfaceURL(live), Replace: true, Throwaway: true}
	if err := surf.Begin(t.Context(), itself, point); !fault.Is(err, fault.Unsupported) {
		t.Errorf("into what is protected: %v", err)
	}
	server := newCopies(t).start(t)
	target := surface.Target{URL: server.URL}
	if err := surf.Load(t.Context(), target, point.Parts()[0], bytes.NewReader(nil)); !fault.Is(err, fault.Conflict) {
		t.Errorf("load into a server that Begin has not seen: %v", err)
	}
	wrong := surface.Target{URL: surfaceURL(&prometheus{url: "http://lifeboat:wrong-password@" + server.Address})}
	if err := surf.Begin(t.Context(), wrong, point); !fault.Is(err, fault.Denied) {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := surf.Begin(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	live.sell(t, 2)
	other := surfacetest.Take(t, surf)
	if err := surf.Begin(t.Context(), target, other); !fault.Is(err, fault.Conflict) {
		t.Errorf("into the unfinished restore of another point: %v", err)
	}
}

// archive makes a tar archive of files.
func archive(t testing.TB, files ...[2]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, file := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: file[0], Size: int64(len(file[1])), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, file[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestADamagedBlockIsRefused(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	surf := live.surface(t)
	point := surfacetest.Take(t, surf)
	part := point.Parts()[0]
	whole := point.Data[part.Name]
	var spec struct{ Block string }
	if err := json.Unmarshal(part.Spec, &spec); err != nil {
		t.Fatal(err)
	}
	server := newCopies(t).start(t)
	target := surface.Target{URL: server.URL}
	if err := surf.Begin(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(server.Dir, "data", "tsdb")
	meta := [2]string{"meta.json", `{"ulid":"` + spec.Block + `","minTime":1,"maxTime":2}`}
	link := new(bytes.Buffer)
	w := tar.NewWriter(link)
	if err := errors.Join(w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "index", Linkname: "/etc/passwd"}), w.Close()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"empty": nil, "cut short": whole[:len(whole)/2], "no tar": bytes.Repeat([]byte("no"), 1024), "no index": archive(t, meta),
		"another block":   archive(t, [2]string{"meta.json", `{"ulid":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`}, [2]string{"index", ""}),
		"out of it":       archive(t, meta, [2]string{"index", ""}, [2]string{"../../prometheus.yml", "x"}),
		"an absolute one": archive(t, meta, [2]string{"index", ""}, [2]string{"/tmp/x", "x"}),
		"another file":    archive(t, meta, [2]string{"index", ""}, [2]string{"chunks/x", "x"}),
		"a file twice":    archive(t, meta, [2]string{"index", ""}, [2]string{"index", "x"}),
		"a link":          link.Bytes(),
	} {
		if err := surf.Load(t.Context(), target, part, bytes.NewReader(text)); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v is %s", name, err, fault.KindOf(err))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if len(entry.Name()) > 20 {
			t.Errorf("left: %s", entry.Name())
		}
	}
	// A store that finds bytes to be others says so at the end, after the archive's own.
	damaged := io.MultiReader(bytes.NewReader(whole), failing{})
	if err := surf.Load(t.Context(), target, part, damaged); !fault.Is(err, fault.Corrupt) {
		t.Errorf("damaged on the store: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, spec.Block)); !os.IsNotExist(err) {
		t.Errorf("it came into place: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fault.New(fault.Corrupt, "other bytes") }

func TestAChangedBlockShows(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	surf := live.surface(t)
	point := surfacetest.Take(t, surf)
	server := newCopies(t).start(t)
	target := surface.Target{URL: server.URL}
	surfacetest.Restore(t, surf, target, point)
	found, err := filepath.Glob(filepath.Join(server.Dir, "data", "tsdb", "*", "chunks", "000001"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%v, %v", found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(found[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := surf.Fingerprint(t.Context(), target)
	if differs := point.Fingerprint().Compare(got); err != nil || len(differs) != 1 || differs[0].Problem != "digest" {
		t.Errorf("%v, %v", differs, err)
	}
}
