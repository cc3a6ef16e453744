//go:build !slim

package engine

import (
	"context"
	"errors"
	"syscall"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// startAttempts bounds how often other ports are tried when one was taken
// between its choice and its use.
const startAttempts = 3

// running is a started server.
type running struct {
	server  temporal.Server
	address string
	port    int
	log     serverLog
}

// startServer runs the server on a prepared file, on the last port where that is free.
func startServer(ctx context.Context, o Options, path string, last int) (*running, error) {
	db := database(path)
	if err := createNamespace(db, o); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "registering the namespace %s", o.Namespace)
	}
	for attempt := 1; ; attempt++ {
		ports, err := freePorts(ctx, len(services))
		if err != nil {
			return nil, err
		}
		if o.FrontendPort != 0 {
			if err := requirePort(ctx, o.FrontendPort); err != nil {
				return nil, err
			}
			ports[0] = o.FrontendPort
		} else if last != 0 && attempt == 1 && requirePort(ctx, last) == nil {
			ports[0] = last
		}
		r, err := startOn(newServerLog(o.Logger), db, ports)
		if errors.Is(err, syscall.EADDRINUSE) && attempt < startAttempts {
			continue
		}
		return r, err
	}
}

// startOn runs the server in a goroutine of its own: a fatal failure ends that
// one, see serverLog.Fatal.
func startOn(log serverLog, db *config.SQL, ports []int) (*running, error) {
	r := &running{address: loopbackAddress(ports[0]), port: ports[0], log: log}
	started := make(chan error, 1)
	go func() {
		err := fault.New(fault.Internal, "it gave up without a reason")
		defer func() {
			// Some of the server's code takes the end of its goroutine for a defect, and panics over it.
			if p := recover(); p != nil {
				err = fault.New(fault.Internal, "it panicked: %v", p)
			}
			started <- err
		}()
		r.server, err = newServer(log, db, ports)
		if err == nil {
			err = r.server.Start()
		}
	}()
	err := <-started
	select {
	case err = <-log.fatal.ch:
	default:
	}
	if err != nil {
		return nil, fault.While(err, "starting the embedded engine")
	}
	log.running.Store(true)
	return r, nil
}

func newServer(log serverLog, db *config.SQL, ports []int) (temporal.Server, error) {
	return temporal.NewServer(
		temporal.WithConfig(serverConfig(db, ports)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(ports)),
		temporal.WithDynamicConfigClient(settings()),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
}

// createNamespace writes the namespace into the file before the server reads
// it, so that it is there from the first moment. One that exists is left alone.
func createNamespace(db *config.SQL, o Options) error {
	attributes := attributeTypes(o.SearchAttributes)
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, attributes)
	if err != nil {
		return err
	}
	namespace.Detail.Config.Retention = durationpb.New(o.Retention)
	return sqliteschema.CreateNamespaces(db, namespace)
}

// stop ends the services. It returns when they have ended or ctx has.
func (r *running) stop(ctx context.Context) error {
	r.log.running.Store(false)
	stopped := make(chan error, 1)
	go func() { stopped <- r.server.Stop() }()
	select {
	case err := <-stopped:
		return fault.While(err, "stopping the embedded engine")
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "stopping the embedded engine (its file is safe)")
	}
}
