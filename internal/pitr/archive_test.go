package pitr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// archive is a folder into which real servers archive their WAL, as an Indexes.
type archive struct{ dir string }

func (a archive) Index(_ context.Context, segment wal.Segment) (wal.Index, error) {
	data, err := os.ReadFile(filepath.Join(a.dir, segment.Name(wal.DefaultSegmentSize)))
	if err != nil {
		return wal.Index{}, err
	}
	scanner := wal.NewScanner(segment.Start(wal.DefaultSegmentSize), wal.DefaultSegmentSize)
	_, err = scanner.Write(data)
	return scanner.Cut(), err
}

func (a archive) OpenIndex(ctx context.Context, segment wal.Segment) (wal.Index, error) {
	return a.Index(ctx, segment)
}

func (a archive) Transactions(_ context.Context, segment wal.Segment, each func(wal.Ending) bool) error {
	file, err := os.Open(filepath.Join(a.dir, segment.Name(wal.DefaultSegmentSize)))
	if err != nil {
		return err
	}
	defer file.Close()
	return wal.Transactions(file, segment.Start(wal.DefaultSegmentSize), wal.DefaultSegmentSize, wal.Index{}, each)
}

// holdings lists what is in the folder.
func (a archive) holdings(t *testing.T, bases ...pitr.Base) pitr.Holdings {
	t.Helper()
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	timelines := map[uint32]*pitr.Timeline{}
	of := func(id uint32) *pitr.Timeline {
		if timelines[id] == nil {
			timelines[id] = &pitr.Timeline{ID: id}
		}
		return timelines[id]
	}
	for _, entry := range entries {
		if id, ok := wal.ParseHistoryName(entry.Name()); ok {
			text, err := os.ReadFile(filepath.Join(a.dir, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if of(id).History, err = wal.ParseHistory(id, text); err != nil {
				t.Fatal(err)
			}
		}
		if segment, err := wal.ParseSegment(entry.Name(), wal.DefaultSegmentSize); err == nil {
			of(segment.Timeline).Segments = append(of(segment.Timeline).Segments, pitr.Held{Number: segment.Number, Bytes: wal.DefaultSegmentSize})
		}
	}
	h := pitr.Holdings{SegmentSize: wal.DefaultSegmentSize, Bases: bases}
	for _, timeline := range timelines {
		h.Timelines = append(h.Timelines, *timeline)
	}
	return h
}

// endings are all of a timeline's transactions, its ancestors' included.
func (a archive) endings(t *testing.T, h pitr.Holdings, timeline uint32) []wal.Ending {
	t.Helper()
	var all []wal.Ending
	plan := pitr.Plan{Timeline: timeline, Until: wal.LSN(1) << 60}
	for _, segment := range pitr.Feed(h, plan) {
		if err := a.Transactions(t.Context(), segment, func(e wal.Ending) bool { all = append(all, e); return true }); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// asOwner runs a command as the user that owns the cluster's data.
func asOwner(t *testing.T, pg *servers.PG, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = pg.SocketDir
	info, err := os.Stat(pg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		owner := info.Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	return cmd
}

func output(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// takeBase takes a base backup without WAL into a folder of its ID.
func takeBase(t *testing.T, pg *servers.PG, url, id string) pitr.Base {
	t.Helper()
	b := pitr.Base{ID: id, Dir: filepath.Join(pg.SocketDir, id), Major: 15, StartedAt: clock(t, url)}
	output(t, asOwner(t, pg, pg.Tool("pg_basebackup"), "-d", url, "-D", b.Dir, "-c", "fast", "-X", "none", "--no-sync"))
	b.StoppedAt = clock(t, url)
	text, err := os.ReadFile(filepath.Join(b.Dir, "backup_manifest"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Ranges []struct {
			Timeline uint32
			Start    wal.LSN `json:"Start-LSN"`
			End      wal.LSN `json:"End-LSN"`
		} `json:"WAL-Ranges"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	last := manifest.Ranges[len(manifest.Ranges)-1]
	b.Timeline, b.Start, b.Stop = last.Timeline, last.Start, last.End
	return b
}

func clock(t *testing.T, url string) time.Time {
	t.Helper()
	return rows[time.Time](t, url, "SELECT clock_timestamp()")[0]
}

// rows is the first column of a query.
func rows[T any](t *testing.T, url, statement string, args ...any) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	found, err := conn.Query(t.Context(), statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(found, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return all
}

// recovered starts a server on a plan's base with its settings and feeds it
// nothing but what the plan says. It returns the server's URL once it is promoted.
func recovered(t *testing.T, pg *servers.PG, a archive, h pitr.Holdings, plan pitr.Plan, archiveTo string) string {
	t.Helper()
	root, err := os.MkdirTemp(pg.SocketDir, "recovered")
	if err != nil {
		t.Fatal(err)
	}
	data, spool := filepath.Join(root, "data"), filepath.Join(root, "spool")
	output(t, exec.Command("cp", "-a", plan.Base.Dir, data))
	feed(t, a, h, plan, spool)
	port := servers.FreePort(t)
	lines := []string{
		"port = " + strconv.Itoa(port), "restore_command = 'cp " + spool + "/%f %p'", "hot_standby = off", "fsync = off",
		"archive_command = '" + archiveTo + "'", "log_min_messages = log",
	}
	for name, value := range plan.Settings {
		lines = append(lines, fmt.Sprintf("%s = '%s'", name, value))
	}
	// This file's settings count more than those of postgresql.conf.
	conf, err := os.OpenFile(filepath.Join(data, "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conf.Close()
	if _, err := conf.WriteString("\n" + strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "recovery.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("chown", "-R", "--reference", pg.Dir, root))
	url := strings.Replace(pg.URL, ":"+strconv.Itoa(pg.Port)+"/", ":"+strconv.Itoa(port)+"/", 1)
	servers.Start(t, asOwner(t, pg, pg.Tool("postgres"), "-D", data), func() error {
		return exec.Command(pg.Tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run()
	})
	return url
}

// feed puts the plan's segments into a folder, with nothing from Until on where
// recovery is to end with the WAL.
func feed(t *testing.T, a archive, h pitr.Holdings, plan pitr.Plan, spool string) {
	t.Helper()
	if err := os.Mkdir(spool, 0o755); err != nil {
		t.Fatal(err)
	}
	copied := func(name string, change func([]byte)) {
		data, err := os.ReadFile(filepath.Join(a.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		change(data)
		if err := os.WriteFile(filepath.Join(spool, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, segment := range pitr.Feed(h, plan) {
		copied(segment.Name(h.SegmentSize), func(data []byte) {
			if start := segment.Start(h.SegmentSize); plan.EndOfWAL && plan.Until < start+wal.LSN(len(data)) {
				clear(data[plan.Until-start:])
			}
			err := wal.CheckSegment(bytes.NewReader(data), segment, h.SegmentSize, 0)
			if err != nil {
				t.Error(err)
			}
		})
	}
	i := slices.IndexFunc(h.Timelines, func(timeline pitr.Timeline) bool { return timeline.ID == plan.Timeline })
	if len(h.Timelines[i].History) > 0 {
		copied(wal.HistoryName(plan.Timeline), func([]byte) {})
	}
}
