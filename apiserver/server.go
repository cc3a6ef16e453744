// Package apiserver serves the REST API: it knows who asks, checks what is
// asked, starts workflows and reads the catalog. It decides and moves nothing
// itself, so any number of servers may run side by side.
package apiserver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/tracing"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// The limits of one connection. Answers are small, and long work is not waited for.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	answerTimeout = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
	// maxBody is how large a request may be.
	maxBody = 1 << 20
	// shutdownGrace is how long requests under way may take to end.
	shutdownGrace = 10 * time.Second
)

// Deps are what a Server is made of.
type Deps struct {
	Config   *config.Config
	Launcher Launcher
	Catalog  *catalog.Catalog
	// Stores are those of the configuration, by name.
	Stores map[string]store.Store
	Keys   *KeyStore
	Logger *slog.Logger
	// RestoredURL is the URL of a restored server with its password, Missing
	// where it can't be known; nil when it never can.
	RestoredURL func(workflows.RestoreResult) (string, error)
	// RecoveredURL is RestoredURL for a recovery to a moment.
	RecoveredURL func(workflows.RecoverResult) (string, error)
	// PITRStatus reads which moments a surface can be put back to, from a store
	// by name or from the surface's own; nil when nobody here can.
	PITRStatus func(ctx context.Context, surface, store string) (pitr.Status, error)
	// PITRPlan says what a recovery to a moment would use; nil when nobody here can.
	PITRPlan func(ctx context.Context, surface, store, at string) (pitr.Preview, error)
	// Ledger and Drills are the evidence; nil where there can be none, and NoLedger says why.
	Ledger   *evidence.Ledger
	Drills   *drills.Archive
	NoLedger string
	// Commitments, Coverage and Report are computed from both and the configuration.
	Commitments func(ctx context.Context, now time.Time) ([]drill.Commitment, error)
	Coverage    func(ctx context.Context, now time.Time) (drill.Coverage, error)
	Report      func(ctx context.Context, id string, now time.Time) (report.Drill, error)
	// Status reads how everything stands; nil where nobody watches.
	Status func(ctx context.Context) (status.Report, error)
	// Tracing makes spans of requests; nil for none.
	Tracing *tracing.Tracing
	// Pages adds the admin pages, which ask the Server in process (see As); nil for the plain page at /.
	Pages func(router *echo.Echo, s *Server) error
	// TemporalUI is where Temporal's Web UI is, empty when nobody knows.
	TemporalUI string
	// Version of this program.
	Version string
}

// Server answers the API.
type Server struct {
	config     *config.Config
	launcher   Launcher
	catalog    *catalog.Catalog
	stores     map[string]store.Store
	keys       *KeyStore
	audit      *audit.Log
	log        *slog.Logger
	temporalUI string
	version    string

	restoredURL  func(workflows.RestoreResult) (string, error)
	recoveredURL func(workflows.RecoverResult) (string, error)
	pitrStatus   func(ctx context.Context, surface, store string) (pitr.Status, error)
	pitrPlan     func(ctx context.Context, surface, store, at string) (pitr.Preview, error)
	ledger       *evidence.Ledger
	drills       *drills.Archive
	noLedger     string
	commitments  func(ctx context.Context, now time.Time) ([]drill.Commitment, error)
	coverage     func(ctx context.Context, now time.Time) (drill.Coverage, error)
	report       func(ctx context.Context, id string, now time.Time) (report.Drill, error)
	status       statusReader
	tracing      *tracing.Tracing
	// verifying lets one verification at a time read the whole ledger.
	verifying   sync.Mutex
	failures    *failures
	metrics     *metrics
	readiness   *readiness
	auditBroken atomic.Bool
	stopping    chan struct{}
	stop        sync.Once
	handler     http.Handler
}

// New makes a Server; it serves nothing yet. The audit log goes where the
// configuration says.
func New(d Deps) (*Server, error) {
	if d.Config == nil || d.Launcher == nil || d.Catalog == nil || d.Keys == nil || d.Logger == nil {
		return nil, fault.New(fault.Internal, "the API server lacks one of its parts")
	}
	log, err := audit.Open(d.Config.Audit.File, d.Logger)
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: d.Config, launcher: d.Launcher, catalog: d.Catalog, stores: d.Stores, keys: d.Keys, audit: log,
		log: d.Logger, temporalUI: d.TemporalUI, version: d.Version, restoredURL: d.RestoredURL,
		recoveredURL: d.RecoveredURL, pitrStatus: d.PITRStatus, pitrPlan: d.PITRPlan,
		ledger: d.Ledger, drills: d.Drills, noLedger: d.NoLedger, commitments: d.Commitments, coverage: d.Coverage, report: d.Report,
		failures: newFailures(), metrics: newMetrics(d.Version), readiness: newReadiness(d.Stores),
		status: statusReader{read: d.Status}, tracing: d.Tracing, stopping: make(chan struct{}),
	}
	// The interface of a collector hands over no context.
	s.metrics.registry.MustRegister(NewStatusCollector(func() (status.Report, bool) {
		report, err := s.status.newest(context.Background())
		return report, err == nil
	}))
	router := echo.New()
	router.HTTPErrorHandler = s.handleError
	router.Use(s.observe, s.recover, secure, sameOrigin, limitBody)
	api := humaecho.New(router, apiConfig(d.Version))
	api.UseMiddleware(s.authenticate)
	s.describe(api)
	if err := s.plain(router, api); err != nil {
		return nil, err
	}
	s.handler = router
	pages := d.Pages
	if pages == nil {
		pages = plainPage
	}
	if err := pages(router, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler answers requests; it is for tests and for servers of one's own.
func (s *Server) Handler() http.Handler { return s.handler }

// Stopping is closed when the server is to stop. Answers that go on for as long
// as somebody listens end by it.
func (s *Server) Stopping() <-chan struct{} { return s.stopping }

// Serve listens on host:port and answers until the context ends; requests under
// way are then given ten seconds.
func (s *Server) Serve(ctx context.Context, listen string) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return fault.Wrap(fault.Conflict, err, "listen on %s; choose another address with LIFEBOAT_LISTEN", listen)
	}
	return s.ServeListener(ctx, listener)
}

// ServeListener is Serve on a listener, which it closes.
func (s *Server) ServeListener(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fault.Wrap(fault.Internal, err, "serve the API")
	case <-ctx.Done():
	}
	s.stop.Do(func() { close(s.stopping) })
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if served := <-ended; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return fault.Wrap(fault.Internal, err, "stop the API server")
}
