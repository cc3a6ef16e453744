package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
	"github.com/lifeboat-dr/lifeboat/internal/tracing"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// session is a connection to the engine that does the work.
type session struct {
	config   *config.Config
	client   client.Client
	launcher *launch.Launcher
	// tracing is nil where nobody wants traces.
	tracing *tracing.Tracing
	// ui is the Temporal Web UI's URL, where this process runs it.
	ui    string
	close func()
}

// engineDir is where the embedded engine keeps its file.
func engineDir(c *config.Config) string { return filepath.Join(c.DataDir, "engine") }

// joined reaches a Lifeboat that runs, by the configuration of the command.
func (a *app) joined(ctx context.Context) (*session, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	return a.connect(ctx, c, false)
}

// connect reaches the Temporal of the configuration: a cluster, or the engine
// of the `lifeboat up` that runs on the same data folder. Where there is none
// and the caller waits for the end anyway, the work is done in this process.
func (a *app) connect(ctx context.Context, c *config.Config, wait bool) (*session, error) {
	address := c.Temporal.Address
	if c.Temporal.Embedded() {
		running, err := engine.Find(engineDir(c))
		switch {
		case err == nil:
			address = running.Address
		case fault.Is(err, fault.Missing) && wait:
			return a.oneShot(ctx, c)
		case fault.Is(err, fault.Missing):
			return nil, fault.New(fault.Unavailable,
				"no Lifeboat runs on %s: start `lifeboat up`, or add --wait to do the work in this process", c.DataDir)
		default:
			return nil, err
		}
	}
	return a.dial(ctx, c, address, a.quietLogger())
}

func (a *app) dial(ctx context.Context, c *config.Config, address string, log *slog.Logger) (*session, error) {
	options := temporalOptions(c, address)
	options.Logger = log
	traces, err := tracing.Open(ctx, tracing.Options{Endpoint: c.Tracing.Endpoint, Version: version, Logger: log})
	if err != nil {
		return nil, asUsage(err)
	}
	if options.Interceptors, err = traces.Interceptors(); err != nil {
		return nil, err
	}
	cl, err := temporalclient.Dial(ctx, options)
	if err != nil {
		return nil, err
	}
	dc, err := options.Converter()
	if err != nil {
		cl.Close()
		return nil, err
	}
	done := func() {
		cl.Close()
		traces.Close(ctx, log)
	}
	return &session{config: c, client: cl, launcher: launch.New(cl, dc), tracing: traces, close: done}, nil
}

func temporalOptions(c *config.Config, address string) temporalclient.Options {
	t := c.Temporal
	return temporalclient.Options{
		Address: address, Namespace: t.Namespace, APIKey: t.APIKey, CodecKey: t.CodecKey, OldCodecKeys: t.OldCodecKeys,
		TLS: temporalclient.TLS{CA: t.TLS.CA, Cert: t.TLS.Cert, Key: t.TLS.Key, ServerName: t.TLS.ServerName},
	}
}

// oneShot runs the engine and a worker in this process, for one command.
func (a *app) oneShot(ctx context.Context, c *config.Config) (*session, error) {
	parts, err := worker.Open(ctx, c, version)
	if err != nil {
		return nil, err
	}
	// The accounts of restored servers have to pass through it.
	if err := os.MkdirAll(c.DataDir, 0o711); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "make the data folder")
	}
	e, err := engine.Start(ctx, engineOptions(c, a.quietLogger()))
	if err != nil {
		return nil, err
	}
	stopEngine := func() { _ = e.Stop(context.WithoutCancel(ctx)) }
	s, err := a.dial(ctx, c, e.Address(), a.quietLogger())
	if err != nil {
		stopEngine()
		return nil, err
	}
	if err := parts.EnsureSigner(); err != nil {
		s.close()
		stopEngine()
		return nil, err
	}
	w, err := worker.Start(s.client, parts.Activities(s.client))
	if err != nil {
		s.close()
		stopEngine()
		return nil, err
	}
	closeClient := s.close
	s.close = func() {
		w.Stop()
		closeClient()
		stopEngine()
	}
	return s, nil
}
