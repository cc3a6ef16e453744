package local

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const (
	// startWithin bounds how long a server may take to answer; a PostgreSQL
	// that recovers from a crash needs the most.
	startWithin = 5 * time.Minute
	// pingWithin bounds one question whether a server answers.
	pingWithin = 5 * time.Second
	// quitWithin is how long a server gets to end before it is killed.
	quitWithin = 10 * time.Second
	// cleanupWithin bounds the removal of what failed to start.
	cleanupWithin = 30 * time.Second
)

// instance is one server's folder while it is worked on.
type instance struct {
	id, dir string
	rec     record
	kind    kind
}

// kind is what the kinds of servers do differently.
type kind interface {
	// find returns the program to run.
	find(ctx context.Context, spec Spec) (found, error)
	// accounts are the system users to run as instead of root, the best first.
	accounts() []string
	// create fills the new, empty data folder.
	create(ctx context.Context, i *instance, o owner) error
	// configure writes the configuration that the record asks for.
	configure(i *instance, o owner) error
	// args are the server program's arguments. One of them is a path in the folder.
	args(i *instance) []string
	// url connects to the server as its administrator.
	url(i *instance) secret.String
	// ping returns nil when the server answers and accepts its password.
	ping(ctx context.Context, i *instance) error
	// makeDurable does what Environment.MakeDurable promises and saves the record.
	makeDurable(ctx context.Context, i *instance) error
	// credentials are those of a URL of a server of this kind, live or our own.
	credentials(url secret.String) (login, bool)
	// login returns nil when the server lets somebody in, errRefused when it does not.
	login(ctx context.Context, i *instance, l login) error
	// observe says what the server does that one of its kind might do to others.
	observe(ctx context.Context, i *instance) []drill.Attempt
}

func kindNamed(name string) (kind, error) {
	switch name {
	case "postgres":
		return postgres{}, nil
	case "redis":
		return redis{}, nil
	case "telemetry":
		return prometheus{}, nil
	default:
		return nil, fault.New(fault.Invalid, "no isolated server can be started for a surface of kind %q", name)
	}
}

// data is the folder of the server's own files.
func (i *instance) data() string { return filepath.Join(i.dir, "data") }

func (i *instance) logPath() string { return filepath.Join(i.dir, "server.log") }

func (i *instance) address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(i.rec.Port))
}

func (i *instance) server() Server {
	return Server{
		ID: i.id, Kind: i.rec.Kind, Version: i.rec.Version, Major: i.rec.Major,
		Address: i.address(), URL: i.kind.url(i), Dir: i.dir, BinDir: i.rec.BinDir, PID: i.pid(),
		Surface: i.rec.Surface, Point: i.rec.Point,
		Durable: i.rec.State == stateDurable, CreatedAt: i.rec.CreatedAt,
	}
}

// pid is the main process, 0 when there is none.
func (i *instance) pid() int {
	if worksIn(i.rec.PID, i.dir) {
		return i.rec.PID
	}
	return 0
}

func (i *instance) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	return i.pid() != 0 && i.kind.ping(ctx, i) == nil
}

// newRecord begins the record of a server that is not there yet.
func (i *instance) newRecord(ctx context.Context, k kind, spec Spec) error {
	f, err := k.find(ctx, spec)
	if err != nil {
		return err
	}
	o, err := chooseOwner(k.accounts()...)
	if err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return fault.Disk(err, "read the host's boot id")
	}
	i.kind = k
	i.rec = record{
		Kind: spec.Kind, State: stateStarting, Version: f.version, Major: f.major,
		BinDir: filepath.Dir(f.path), Program: f.path, Account: o.name,
		Password: seal.RandomID(40), Boot: boot, Bound: spec.Bound,
		DataDir: spec.DataDir, FixedPort: spec.Port,
		Surface: spec.Surface, Point: spec.Point, CreatedAt: time.Now().UTC(),
	}
	return nil
}

// make builds the folder and starts the server.
func (i *instance) make(ctx context.Context, k kind, spec Spec) error {
	if err := i.newRecord(ctx, k, spec); err != nil {
		return err
	}
	o, err := ownerNamed(i.rec.Account)
	if err != nil {
		return fmt.Errorf("look up the user of environment %s: %w", i.id, err)
	}
	if err := i.passable(o); err != nil {
		return err
	}
	if err := o.mkdir(i.data()); err != nil {
		return fault.Disk(err, "make the folder of environment %s", i.id)
	}
	if err := k.create(ctx, i, o); err != nil {
		return err
	}
	if err := i.launch(ctx); err != nil {
		return err
	}
	i.rec.State = stateLoading
	return i.save()
}

// passable makes the environment's folder, with the record in it, where o gets to it.
func (i *instance) passable(o owner) error {
	if err := makePassable(i.dir); err != nil {
		return fault.Disk(err, "make the folder of environment %s", i.id)
	}
	if err := o.mustReach(i.dir); err != nil {
		return err
	}
	return i.save()
}

// launch starts the server on the data that is there, waits until it answers
// and saves the record. A port is chosen when there is none yet; should
// somebody else take it first, another one is.
func (i *instance) launch(ctx context.Context) error {
	o, err := ownerNamed(i.rec.Account)
	if err != nil {
		return fmt.Errorf("look up the user of environment %s: %w", i.id, err)
	}
	chosen := i.rec.Port == 0
	for attempt := 1; ; attempt++ {
		if chosen {
			if i.rec.Port, err = freePort(ctx); err != nil {
				return err
			}
		}
		if err := i.kind.configure(i, o); err != nil {
			return err
		}
		i.rec.PID, err = i.run(ctx, o)
		if err == nil {
			return i.save()
		}
		if !chosen || attempt == 5 || ctx.Err() != nil || portIsFree(ctx, i.rec.Port) {
			return err
		}
	}
}

// quit ends the server's processes with a signal and waits as long as ctx lets it.
func (i *instance) quit(ctx context.Context, signal syscall.Signal) error {
	pids, err := processesIn(i.dir)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		// A server leads a process group with its helpers; a helper that was
		// left alone leads none. One that ended meanwhile is as wanted.
		if err := syscall.Kill(-pid, signal); err != nil {
			_ = syscall.Kill(pid, signal)
		}
	}
	return awaitEnd(ctx, pids, i.dir)
}

// destroy ends every process of the folder and removes it.
func (i *instance) destroy(ctx context.Context) error {
	if _, err := os.Lstat(i.dir); os.IsNotExist(err) {
		return nil
	}
	gently, cancel := context.WithTimeout(ctx, quitWithin)
	defer cancel()
	// PostgreSQL on SIGQUIT neither waits for clients nor writes what is about
	// to be deleted, but frees its shared memory, which SIGKILL would leave.
	signal := syscall.SIGQUIT
	if _, isPostgres := i.kind.(postgres); !isPostgres && i.kind != nil {
		signal = syscall.SIGTERM
	}
	if err := i.quit(gently, signal); err != nil {
		if err := i.quit(ctx, syscall.SIGKILL); err != nil {
			return fault.Wrap(fault.Unavailable, err, "end the processes in %s", i.dir)
		}
	}
	if err := i.emptyPlace(); err != nil {
		return fault.Disk(err, "empty %s", i.rec.DataDir)
	}
	return fault.Disk(os.RemoveAll(i.dir), "remove %s", i.dir)
}
