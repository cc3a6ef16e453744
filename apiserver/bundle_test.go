package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// hush is in every secret of the tests, so that it is easy to look for.
const hush = "hush-hush"

// keyHash is the hash of the one secret that the keys of the tests have.
var keyHash = sync.OnceValue(func() secret.String { return secret.String(seal.HashToken(hush + "-key")) })

// bundle is a server with everything around it, for one test.
type bundle struct {
	t        *testing.T
	server   *Server
	launcher *double
	config   *config.Config
	store    store.Store
	ledger   *evidence.Ledger
	drills   *drills.Archive
	auditLog string
	logs     *safeBuffer
}

// safeBuffer collects what is logged from many goroutines.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// setup makes a server with a store in a folder, two surfaces, one target, one
// policy, three plans of drills with a ledger on the store, and one key per
// role, whose id is the role's name, "boss" for admin.
func setup(t *testing.T, changes ...func(*Deps)) *bundle {
	t.Helper()
	dir := t.TempDir()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: filepath.Join(dir, "points")})
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{
		DataDir: dir, Audit: config.Audit{File: filepath.Join(dir, "audit.jsonl")}, PointsPrefix: "points", Encryption: seal.Config{Passphrase: hush},
		Stores: map[string]store.Config{"primary": {Kind: "local"}},
		Surfaces: map[string]config.Surface{
			"main":  {Config: surface.Config{Kind: "postgres", URL: "postgres://app:" + hush + "@db/app"}},
			"cache": {Config: surface.Config{Kind: "redis", URL: "redis://:" + hush + "@cache"}},
		},
		Targets: map[string]config.Target{"staging": {Kind: "postgres", URL: "postgres://app:" + hush + "@staging/app"}},
		Policies: map[string]config.Policy{
			"main-daily": {Surface: "main", Kind: "snapshot", Cron: "0 2 * * *", TimeZone: "UTC", Store: "primary"},
		},
		Drills: map[string]drill.Plan{
			"quarterly": {
				Kind: drill.Quarterly, Surfaces: []string{"main", "cache"}, Owner: "ops@example.com",
				Targets: drill.Targets{RTO: drill.Duration(30 * time.Minute), RPO: drill.Duration(10 * time.Minute)},
				Checks:  []drill.Check{{Name: "page", Kind: drill.CheckHTTP, URL: "http://127.0.0.1:1", Headers: map[string]secret.String{"X-Key": hush}}},
				SignOff: drill.SignOff{Validity: drill.Duration(100 * 24 * time.Hour)},
			},
			"nightly": {Kind: drill.RestoreTest, Surfaces: []string{"main"}},
			"talk":    {Kind: drill.Tabletop, Steps: []string{"who calls whom"}},
		},
	}
	for id, role := range map[string]string{"viewer": "viewer", "operator": "operator", "approver": "approver", "boss": "admin"} {
		c.Admin.Keys = append(c.Admin.Keys, config.AdminKey{Name: id, Hash: keyHash(), Role: role})
	}
	b := &bundle{t: t, launcher: newDouble(), config: c, store: st, auditLog: c.Audit.File, logs: &safeBuffer{}}
	b.ledger = evidence.Open(st, evidence.Options{Origin: evidence.DefaultOrigin, Signer: signer(t)})
	b.drills = drills.Open(b.ledger)
	logger := slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	keys, err := OpenKeys(filepath.Join(dir, "keys.json"), c.Admin.Keys)
	if err != nil {
		t.Fatal(err)
	}
	d := Deps{
		Config: c, Launcher: b.launcher, Catalog: catalog.New([]catalog.Named{{Name: "primary", Store: st, Prefix: c.PointsPrefix}}),
		Stores: map[string]store.Store{"primary": st}, Keys: keys, Logger: logger,
		TemporalUI: "http://127.0.0.1:8233", Version: "1.2.3",
		Ledger: b.ledger, Drills: b.drills, Commitments: b.commitments, Coverage: b.coverage, Report: b.report,
	}
	for _, change := range changes {
		change(&d)
	}
	if b.server, err = New(d); err != nil {
		t.Fatal(err)
	}
	return b
}

// token is the key with a role's rights.
func token(role Role) string {
	if role == Admin {
		return "lb_boss_" + hush + "-key"
	}
	return "lb_" + string(role) + "_" + hush + "-key"
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes a request; headers are pairs of name and value.
func (b *bundle) send(method, path, body string, headers ...string) answer {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

// as makes a request with the key of a role.
func (b *bundle) as(role Role, method, path, body string, headers ...string) answer {
	b.t.Helper()
	return b.send(method, path, body, append(headers, "Authorization", "Bearer "+token(role))...)
}

// decode reads a JSON answer strictly.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var out T
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		t.Fatalf("status %d, %s: %v", a.status, a.body, err)
	}
	return out
}

// problem is RFC 9457's object as a client sees it.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
	Errors   []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

// wantProblem checks that an answer is a complete problem of a status and a
// type, and that its text has a phrase.
func wantProblem(t *testing.T, a answer, status int, slug, phrase string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.body)
		return
	}
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type %q", ct)
	}
	p := decode[problem](t, a)
	if p.Type != problemType+slug || p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" ||
		p.Instance != "urn:lifeboat:request:"+a.header.Get("X-Request-Id") {
		t.Errorf("not the problem %s: %s", slug, a.body)
	}
	if strings.Contains(p.Detail, "\n") || !strings.Contains(a.body, phrase) {
		t.Errorf("it should say %q in one line: %s", phrase, a.body)
	}
}

// seal puts a recovery point of one small part on the store.
func (b *bundle) seal(surfaceName, kind string, at time.Time) archive.Manifest {
	b.t.Helper()
	ctx := b.t.Context()
	id := archive.NewID(at)
	w := archive.PartWriter{Store: b.store, Dir: archive.Dir("points", surfaceName, id)}
	entry, err := w.Write(ctx, surface.Part{Name: "t-0001", Role: surface.RoleData, Format: "rows"}, nil,
		func(out io.Writer) error { _, err := out.Write([]byte("1\tone\n")); return err })
	if err != nil {
		b.t.Fatal(err)
	}
	piece, err := archive.WritePiece(ctx, w, "t-0001", surface.Fingerprint{{Kind: "table", Name: "public.a", Count: 1}})
	if err != nil {
		b.t.Fatal(err)
	}
	m, err := archive.SealPoint(ctx, b.store, w.Dir, archive.Manifest{
		ID: id, Surface: surfaceName, SurfaceKind: kind, Kind: archive.KindSnapshot, Policy: "main-daily", CreatedAt: at,
		Server:      surface.Server{Product: "PostgreSQL", Version: "15.18", Major: 15},
		Compression: archive.CompressionZstd, Encryption: archive.Encryption{Scheme: seal.SchemeNone},
		Parts: []archive.PartEntry{entry, piece}, WorkflowID: "snapshot/" + surfaceName + "/" + id, Tool: "test",
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// audited returns the entries of the audit log.
func (b *bundle) audited() []audit.Entry {
	b.t.Helper()
	text, err := os.ReadFile(b.auditLog)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []audit.Entry
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// brokenStore is a store whose Check fails or never returns.
type brokenStore struct {
	store.Store
	err error
}

func (s brokenStore) Check(ctx context.Context) error {
	if s.err == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.err
}
