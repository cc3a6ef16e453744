//go:build !slim

package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/server/common/headers"
	sqliteschema "go.temporal.io/server/schema/sqlite"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Embedded reports whether this build has an engine to start.
const Embedded = true

// stopTimeout bounds Stop.
const stopTimeout = 5 * time.Second

// Start runs an engine on o.Dir and returns when it takes work. It fails with
// fault.Conflict when another process runs one there or a port is taken, with
// fault.Unsupported when a newer version wrote the file, and with fault.Corrupt
// when the file is damaged.
func Start(ctx context.Context, o Options) (*Engine, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "making the engine's folder")
	}
	release, err := takeLock(o.Dir)
	if err != nil {
		return nil, err
	}
	e, err := startLocked(ctx, o, release)
	if err != nil {
		_ = clearRecord(o.Dir)
		release()
		return nil, err
	}
	return e, nil
}

func startLocked(ctx context.Context, o Options, release func()) (*Engine, error) {
	record := Record{PID: os.Getpid(), StartedAt: time.Now().UTC(), Port: lastPort(o.Dir)}
	if err := writeRecord(o.Dir, record); err != nil {
		return nil, err
	}
	path := filepath.Join(o.Dir, databaseFile)
	if err := prepareDatabase(ctx, path); err != nil {
		return nil, err
	}
	page, at, moved, err := listenUI(ctx, o.UIHost, o.UIPort)
	if err != nil {
		return nil, err
	}
	server, err := startServer(ctx, o, path, record.Port)
	if err != nil {
		return nil, errors.Join(err, page.Close())
	}
	ui, err := startUI(page, at, server.address, o.Namespace)
	if err != nil {
		return nil, errors.Join(err, page.Close(), server.stop(ctx))
	}
	e := &Engine{namespace: o.Namespace, failed: server.log.fatal.ch}
	e.stop = stopOnce(func(ctx context.Context) error {
		ui.stop(ctx)
		return errors.Join(server.stop(ctx), checkpoint(ctx, path), clearRecord(o.Dir))
	}, release)

	record.Address, record.Port, record.UIURL, record.Namespace = server.address, server.port, ui.url, o.Namespace
	record.ServerVersion, record.SchemaVersion = headers.ServerVersion, sqliteschema.Version
	e.record = record
	err = settle(ctx, o, e)
	if err == nil {
		err = errors.Join(recordServer(ctx, path), writeRecord(o.Dir, record))
	}
	if err != nil {
		return nil, errors.Join(err, e.stop(context.WithoutCancel(ctx)))
	}
	if moved {
		o.Logger.Warn("the Web UI's port is taken: it listens elsewhere", "wanted", o.UIPort, "url", ui.url)
	}
	return e, nil
}

// stopOnce bounds a stop and makes it happen once. The lock is kept when the
// engine could not be stopped: it may still write.
func stopOnce(stop func(context.Context) error, release func()) func(context.Context) error {
	var once sync.Once
	return func(ctx context.Context) error {
		var err error
		once.Do(func() {
			ctx, cancel := context.WithTimeout(ctx, stopTimeout)
			defer cancel()
			if err = stop(ctx); err == nil {
				release()
			}
		})
		return err
	}
}

func attributeTypes(keys []sdk.SearchAttributeKey) map[string]enumspb.IndexedValueType {
	types := make(map[string]enumspb.IndexedValueType, len(keys))
	for _, key := range keys {
		types[key.GetName()] = key.GetValueType()
	}
	return types
}
