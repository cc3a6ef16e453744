package replication_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
)

// show answers SHOW with a value.
func show(value string) func(*session) { return func(c *session) { c.rows(1, value) } }

func takeManifest(c *session) {
	if c.upload() {
		c.fail("57014")
		return
	}
	c.Send(&pgproto3.CommandComplete{CommandTag: []byte("UPLOAD_MANIFEST")})
}

// backup17 is what a server with one tablespace sends.
func backup17(c *session) {
	c.rows(2, "0/2000028", "3")
	c.rows(3, "16999", "/mnt/fast", "5", "", "", "7")
	c.Send(&pgproto3.CopyOutResponse{})
	c.copyData('n', "16999.tar\x00/mnt/fast\x00")
	c.copyData('d', "ts")
	c.Send(&pgproto3.NoticeResponse{Severity: "WARNUNG", SeverityUnlocalized: "WARNING", Code: "01000", Message: "nanu"})
	c.copyData('p', "\x00\x00\x00\x00\x00\x00\x00\x02")
	c.copyData('n', "base.tar\x00\x00")
	c.copyData('d', strings.Repeat("b", 600<<10))
	c.copyData('d', "ase")
	c.copyData('m', "")
	c.copyData('d', `{"PostgreSQL-`)
	c.copyData('d', `Backup-Manifest-Version": 2}`)
	c.Send(&pgproto3.CopyDone{})
	c.rows(2, "0/2000150", "3")
	c.Send(&pgproto3.CommandComplete{CommandTag: []byte("BASE_BACKUP")})
}

func script17() map[string]func(*session) {
	return map[string]func(*session){
		"SHOW data_checksums": show("on"), "SHOW summarize_wal": show("on"),
		"UPLOAD_MANIFEST": takeManifest, "BASE_BACKUP": backup17,
	}
}

func TestIncrementalBaseBackup(t *testing.T) {
	t.Parallel()
	server := newScripted(t, "17.2", script17())
	conn := server.conn(t)
	manifest := bytes.Repeat([]byte("manifest "), 50000)
	kept := &archives{}
	o := replication.BaseOptions{Label: "a 'label'", IncrementalManifest: iotest.OneByteReader(bytes.NewReader(manifest[:1000])), MaxRateKBps: 1024}
	o.IncrementalManifest = io.MultiReader(o.IncrementalManifest, bytes.NewReader(manifest[1000:]))
	got, err := conn.BaseBackup(t.Context(), o, kept)
	if err != nil {
		t.Fatal(err)
	}
	spaces := []replication.Tablespace{{OID: 16999, Location: "/mnt/fast", Bytes: 5 << 10}}
	want := replication.BaseResult{
		Timeline: 3, StopTimeline: 3, Start: 0x2000028, Stop: 0x2000150, Tablespaces: spaces,
		Checksums: true, Warnings: []string{"nanu"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(replication.BaseStart{Timeline: 3, Start: 0x2000028, Tablespaces: spaces, Estimate: 12 << 10}, kept.start); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	if kept.data["16999.tar"].String() != "ts" || kept.data["base.tar"].Len() != 600<<10+3 || kept.manifest.String() != `{"PostgreSQL-Backup-Manifest-Version": 2}` || kept.done != 2 {
		t.Errorf("archives %q, manifest %q, progress %d", kept.names, kept.manifest.String(), kept.done)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if !bytes.Equal(server.uploaded, manifest) {
		t.Errorf("%d bytes of manifest were uploaded, not %d", len(server.uploaded), len(manifest))
	}
	commands := []string{
		"SHOW data_checksums", "SHOW summarize_wal", "UPLOAD_MANIFEST",
		"BASE_BACKUP (LABEL 'a ''label''', PROGRESS, CHECKPOINT 'spread', WAIT false, MANIFEST 'yes', " +
			"MANIFEST_CHECKSUMS 'CRC32C', TARGET 'client', MAX_RATE 1024, INCREMENTAL)",
	}
	if diff := cmp.Diff(commands, server.commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestRefusedIncrementals(t *testing.T) {
	t.Parallel()
	unreadable := errors.New("the store is gone")
	for name, c := range map[string]struct {
		change   func(script map[string]func(*session))
		manifest io.Reader
		kind     fault.Kind
		says     string
	}{
		"no summaries": {func(s map[string]func(*session)) { s["SHOW summarize_wal"] = show("off") }, nil, fault.Invalid, "summarize_wal = on"},
		"another cluster's manifest": {func(s map[string]func(*session)) {
			s["UPLOAD_MANIFEST"] = func(c *session) { c.upload(); c.fail("XX000") }
		}, nil, fault.Lost, "full one"},
		"summaries are gone": {func(s map[string]func(*session)) {
			s["BASE_BACKUP"] = func(c *session) { c.fail("55000") }
		}, nil, fault.Lost, "full one"},
		"unreadable": {func(map[string]func(*session)) {}, iotest.ErrReader(fault.Wrap(fault.Exhausted, unreadable, "read")), fault.Exhausted, "the store is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := script17()
			c.change(script)
			server := newScripted(t, "17.2", script)
			conn := server.conn(t)
			manifest := c.manifest
			if manifest == nil {
				manifest = strings.NewReader("{}")
			}
			_, err := conn.BaseBackup(t.Context(), replication.BaseOptions{IncrementalManifest: manifest}, &archives{})
			wantKind(t, err, c.kind)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error does not say %q: %v", c.says, err)
			}
			server.change("BASE_BACKUP", backup17)
			if _, err := conn.BaseBackup(t.Context(), replication.BaseOptions{}, &archives{}); err != nil {
				t.Errorf("a full one on the same connection: %v", err)
			}
		})
	}
}

// What no sound server sends is an error, and neither a crash nor a wait.
func TestSenselessServers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*session){
		"no position":     func(c *session) { c.rows(2) },
		"half a position": func(c *session) { c.rows(1, "0/1") },
		"not a position":  func(c *session) { c.rows(2, "here", "1") },
		"data of no archive": func(c *session) {
			c.rows(2, "0/1", "1")
			c.rows(3)
			c.Send(&pgproto3.CopyOutResponse{})
			c.copyData('d', "x")
		},
		"nameless archive": func(c *session) {
			c.rows(2, "0/1", "1")
			c.rows(3)
			c.Send(&pgproto3.CopyOutResponse{})
			c.copyData('n', "x")
		},
		"short progress": func(c *session) {
			c.rows(2, "0/1", "1")
			c.rows(3)
			c.Send(&pgproto3.CopyOutResponse{})
			c.copyData('p', "x")
		},
		"unknown message": func(c *session) {
			c.rows(2, "0/1", "1")
			c.rows(3)
			c.Send(&pgproto3.CopyOutResponse{})
			c.copyData('?', "x")
		},
		"no end": func(c *session) {
			c.rows(2, "0/1", "1")
			c.rows(3)
			c.Send(&pgproto3.CopyOutResponse{})
			c.Send(&pgproto3.CopyDone{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := newScripted(t, "16.1", map[string]func(*session){"SHOW": show("off"), "BASE_BACKUP": answer}).conn(t)
			if result, err := conn.BaseBackup(t.Context(), replication.BaseOptions{}, &archives{}); err == nil {
				t.Errorf("result %+v", result)
			}
		})
	}
	both := &pgproto3.CopyBothResponse{}
	for name, c := range map[string]struct {
		answer func(*session)
		kind   fault.Kind
	}{
		"a gap":          {func(c *session) { c.Send(both); c.wal(0x1000000, "abc"); c.wal(0x1000004, "def") }, fault.Corrupt},
		"elsewhere":      {func(c *session) { c.Send(both); c.wal(0x1000001, "abc") }, fault.Corrupt},
		"no data":        {func(c *session) { c.Send(both); c.copyData('w', "x") }, fault.Unsupported},
		"an early end":   {func(c *session) { c.rows(2, "2", "0/5000000") }, fault.Corrupt},
		"no successor":   {func(c *session) { c.Send(&pgproto3.CommandComplete{CommandTag: []byte("START_STREAMING")}) }, fault.Unavailable},
		"its shutdown":   {func(c *session) { c.Send(both); c.Send(&pgproto3.CommandComplete{CommandTag: []byte("COPY 0")}) }, fault.Unavailable},
		"a lost slot":    {func(c *session) { c.fail("55000") }, fault.Lost},
		"copy in":        {func(c *session) { c.Send(&pgproto3.CopyInResponse{}) }, fault.Unavailable},
		"an answer lost": {func(c *session) { c.fail("XX000") }, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := newScripted(t, "16.1", map[string]func(*session){
				"START_REPLICATION": c.answer, "IDENTIFY_SYSTEM": func(c *session) { c.fail("57P01") },
			}).conn(t)
			_, err := conn.Stream(t.Context(), replication.StreamOptions{Timeline: 1, From: 0x1000000}, &keeper{})
			wantKind(t, err, c.kind)
		})
	}
	// A standby had more of the old timeline than it was promoted with.
	server := newScripted(t, "16.1", map[string]func(*session){"START_REPLICATION": func(c *session) {
		c.Send(both)
		c.wal(0x1000000, "abcdef")
		c.Send(&pgproto3.CopyDone{})
		c.Flush()
		for {
			if m, err := c.Receive(); err != nil {
				return
			} else if _, done := m.(*pgproto3.CopyDone); done {
				break
			}
		}
		c.rows(2, "2", "0/1000004")
	}})
	kept := &keeper{}
	next, err := server.conn(t).Stream(t.Context(), replication.StreamOptions{Timeline: 1, From: 0x1000000}, kept)
	if want := (replication.Switched{Timeline: 2, At: 0x1000004}); next != want || err != nil || kept.data.String() != "abcdef" {
		t.Errorf("switched %+v, %v, after %q", next, err, kept.data.String())
	}

	old := newScripted(t, "14.11 (Debian)", nil)
	_, err = replication.Connect(t.Context(), at("postgres://someone@"+old.address+"/?sslmode=disable"))
	wantKind(t, err, fault.Unsupported)
}
