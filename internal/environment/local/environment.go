// Package local runs isolated servers for restores as processes of the worker's
// own host. Each has a folder of its own, listens on 127.0.0.1 alone, on a free
// port, with fresh random credentials, and knows nothing of the worker's
// environment variables. Servers outlive the worker that started them and are
// found again by what is written in their folder. It needs Linux: processes are
// told apart by /proc.
package local

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Environment holds the isolated servers of one data folder. Its methods may be
// called concurrently, also by several processes of a host.
type Environment struct{ root string }

// New returns the environment whose servers live in dataDir/environments. The
// folder is made when the first server starts.
func New(dataDir string) *Environment {
	if abs, err := filepath.Abs(dataDir); err == nil {
		dataDir = abs
	}
	return &Environment{root: filepath.Join(dataDir, "environments")}
}

// Spec says what server is wanted.
type Spec struct {
	// Kind is postgres, redis, or telemetry for a Prometheus.
	Kind string
	// Product is Redis or Valkey where the kind has both; empty takes either.
	Product string
	// Major is the version that the data comes from. The same major is
	// preferred, a newer one is taken, an older one never. 0 takes the newest.
	Major int
	// BinDir is where the server's programs are; empty means the usual places.
	BinDir string
	// Surface and Point say what is restored into it, for those who list servers.
	Surface, Point string
	// DataDir is an absolute path where a recovered data directory is to be; it
	// must be empty or missing. Empty means the environment's own folder.
	DataDir string
	// Port is where a recovered server listens; 0 for a free port.
	Port int
	// Bound ends the server when this process ends, however that ends. It is
	// for scratch servers that nobody looks for later.
	Bound bool
}

// Server is an isolated server.
type Server struct {
	ID string `json:"id"`
	// Kind is postgres, redis or telemetry.
	Kind string `json:"kind"`
	// Version is the server's own, such as 15.18; Major its first number.
	Version string `json:"version"`
	Major   int    `json:"major"`
	// Address is 127.0.0.1:PORT.
	Address string `json:"address"`
	// URL connects to it as its administrator.
	URL secret.String `json:"url"`
	// Dir is the folder that holds all of it.
	Dir string `json:"dir"`
	// BinDir is where the server's programs are.
	BinDir string `json:"binDir"`
	// PID is its main process, 0 when it does not run.
	PID     int    `json:"pid,omitempty"`
	Surface string `json:"surface,omitempty"`
	Point   string `json:"point,omitempty"`
	// Durable is set once MakeDurable has succeeded.
	Durable   bool      `json:"durable"`
	CreatedAt time.Time `json:"createdAt"`
}

// Running reports whether the server's process was there when it was looked up.
func (s Server) Running() bool { return s.PID != 0 }

// idPattern keeps an ID a plain, short file name: socket paths have about 100 bytes in all.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)

// Start starts a server, or returns the one that runs under the same id. What
// an earlier call left half made is removed first; a durable server that was
// stopped from outside is started on its data. Until MakeDurable is called the
// server may lose everything when the host goes down. Errors: Unsupported when
// no fitting program is installed, Conflict when the id is taken by a server of
// another kind, Denied and Exhausted for the folder.
func (e *Environment) Start(ctx context.Context, id string, spec Spec) (Server, error) {
	kind, err := kindNamed(spec.Kind)
	if err != nil {
		return Server{}, err
	}
	i, unlock, err := e.lock(ctx, id)
	if err != nil {
		return Server{}, err
	}
	defer unlock()
	switch found, err := i.load(); {
	case err != nil:
		return Server{}, err
	case found && i.rec.Kind != spec.Kind:
		return Server{}, fault.New(fault.Conflict, "environment %s is a %s server: stop it or take another id", id, i.rec.Kind)
	case found && i.rec.State != stateDurable && i.rec.Recovery != nil:
		return Server{}, fault.New(fault.Conflict, "environment %s is being recovered: stop it or take another id", id)
	case found && i.rec.State != stateStarting && i.answers(ctx):
		return i.server(), nil
	case found && i.rec.State == stateDurable:
		err := i.launch(ctx)
		return i.server(), err
	}
	if err := i.destroy(ctx); err != nil {
		return Server{}, fault.While(err, "remove what is left of environment %s", id)
	}
	if err := i.make(ctx, kind, spec); err != nil {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
		defer cancel()
		// The first failure is the one to report; the next Start or Stop removes what is left.
		_ = i.destroy(cleanup)
		return Server{}, err
	}
	return i.server(), nil
}

// Installed returns the version of the server that Start would take for a spec;
// fault.Unsupported when there is none.
func (e *Environment) Installed(ctx context.Context, spec Spec) (string, error) {
	kind, err := kindNamed(spec.Kind)
	if err != nil {
		return "", err
	}
	found, err := kind.find(ctx, spec)
	return found.version, err
}

// MakeDurable undoes the settings that only a throw-away server may have and
// returns once all data is on disk and survives a crash of the host. PostgreSQL
// is restarted for it, on the same port. It is idempotent. It fails with
// fault.Lost when the host went down since Start: the data is then no good.
func (e *Environment) MakeDurable(ctx context.Context, id string) (Server, error) {
	i, unlock, err := e.lock(ctx, id)
	if err != nil {
		return Server{}, err
	}
	defer unlock()
	if err := i.mustLoad(); err != nil {
		return Server{}, err
	}
	if i.rec.State == stateDurable && i.answers(ctx) {
		return i.server(), nil
	}
	if i.rec.State != stateDurable && i.rec.Recovery != nil {
		return Server{}, fault.New(fault.Conflict, "environment %s is being recovered, which ends with a durable server", id)
	}
	if boot, err := bootID(); err != nil || (i.rec.State == stateLoading && boot != i.rec.Boot) {
		return Server{}, fault.New(fault.Lost, "the host went down while environment %s was filled: restore again", id)
	}
	if err := i.kind.makeDurable(ctx, i); err != nil {
		return Server{}, fault.While(err, "make environment %s durable", id)
	}
	return i.server(), nil
}

// Get returns a server, running or not; fault.Missing when there is none.
func (e *Environment) Get(id string) (Server, error) {
	i, err := e.instance(id)
	if err != nil {
		return Server{}, err
	}
	if err := i.mustLoad(); err != nil {
		return Server{}, err
	}
	return i.server(), nil
}

// Log returns the end of what a server has logged; fault.Missing when there is none.
func (e *Environment) Log(id string) (string, error) {
	i, err := e.instance(id)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(i.logPath())
	if os.IsNotExist(err) {
		return "", fault.New(fault.Missing, "there is no environment %s on this host", id)
	}
	if err != nil {
		return "", fault.Disk(err, "read the log of environment %s", id)
	}
	return readFrom(i.logPath(), max(0, info.Size()-logTail)), nil
}

// List returns all servers in order of their start.
func (e *Environment) List() ([]Server, error) {
	entries, err := os.ReadDir(e.root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Disk(err, "list environments")
	}
	var out []Server
	for _, entry := range entries {
		s, err := e.Get(entry.Name())
		if fault.Is(err, fault.Missing) || fault.Is(err, fault.Invalid) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b Server) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out, nil
}

// Stop ends a server's processes, by force after some seconds, and removes its
// folder. Stopping what does not exist succeeds.
func (e *Environment) Stop(ctx context.Context, id string) error {
	i, unlock, err := e.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	// A record that can't be read does not matter here: processes are found by the folder.
	_, _ = i.load()
	if err := i.destroy(ctx); err != nil {
		return fault.While(err, "stop environment %s", id)
	}
	return fault.Disk(os.Remove(e.lockPath(id)), "remove the lock of environment %s", id)
}

func (e *Environment) instance(id string) (*instance, error) {
	if !idPattern.MatchString(id) || strings.HasSuffix(id, ".") {
		return nil, fault.New(fault.Invalid, "%q can't be the id of an environment: use at most 80 letters, digits, dots and dashes", id)
	}
	return &instance{id: id, dir: filepath.Join(e.root, id)}, nil
}
