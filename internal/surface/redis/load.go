package redis

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// load makes an empty server on this host load an RDB by playing its primary,
// so that nothing of it touches a disk. The server is left a replica of the
// connection that is returned: it takes no writes and expires nothing by itself.
// It fails with errRefused when only the server's log knows why.
func (a address) load(ctx context.Context, spec partSpec, rdb io.Reader) (net.Conn, error) {
	own, err := a.probe(ctx)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(rdb, chunk)
	version, err := rdbVersion(r)
	if err != nil {
		return nil, err
	}
	if err := a.mustRead(ctx, version, spec, own); err != nil {
		return nil, err
	}
	p, err := newPrimary(ctx)
	if err != nil {
		return nil, err
	}
	defer p.listener.Close()
	c := a.open(ctx, 0)
	defer c.Close()
	if err := a.set(ctx, c, replicaSettings(p.password)); err != nil {
		return nil, err
	}
	if err := c.ReplicaOf(ctx, "127.0.0.1", p.port()).Err(); err != nil {
		return nil, a.failure(err, "make it a replica")
	}
	return p.serve(ctx, r)
}

// setting is one line of a server's configuration.
type setting struct{ name, value string }

func replicaSettings(password string) []setting {
	return []setting{
		{"masteruser", ""},
		{"masterauth", password},
		// What comes goes from the socket into memory.
		{"repl-diskless-load", "on-empty-db"},
		// In seconds: a slow store may keep the server waiting for its data.
		{"repl-timeout", "86400"},
	}
}

func (a address) set(ctx context.Context, c session, settings []setting) error {
	for _, s := range settings {
		if err := c.ConfigSet(ctx, s.name, s.value).Err(); err != nil {
			return a.failure(err, "set "+s.name)
		}
	}
	return nil
}

// settings returns what is in force of the settings that load changes.
func (a address) settings(ctx context.Context, c session) ([]setting, error) {
	var out []setting
	for _, s := range replicaSettings("") {
		values, err := c.ConfigGet(ctx, s.name).Result()
		if err != nil {
			return nil, a.failure(err, "read "+s.name)
		}
		for _, value := range values {
			out = append(out, setting{s.name, value})
		}
	}
	return out, nil
}

// fill empties a server of this host and loads an RDB into it. The server is its own primary again afterwards.
func (a address) fill(ctx context.Context, spec partSpec, rdb io.Reader) error {
	c := a.open(ctx, 0)
	defer c.Close()
	if err := a.clear(ctx, c); err != nil {
		return err
	}
	before, err := a.settings(ctx, c)
	if err != nil {
		return err
	}
	conn, err := a.load(ctx, spec, rdb)
	if conn != nil {
		defer conn.Close()
	}
	// Also when ctx was cancelled, the server must not go on looking for a primary.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
	defer cancel()
	undo := a.open(after, 0)
	defer undo.Close()
	errUndo := undo.ReplicaOf(after, "NO", "ONE").Err()
	if errUndo == nil {
		errUndo = a.set(after, undo, before)
	}
	if errors.Is(err, errRefused) {
		return fault.Wrap(fault.Corrupt, err, "fill %s (the end of its log says why)", a)
	}
	if err != nil {
		return err
	}
	return a.failure(errUndo, "end the replication")
}

// clear removes all keys and functions.
func (a address) clear(ctx context.Context, c session) error {
	// A replica left by an attempt that was killed would refuse to be emptied.
	if err := c.ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
		return a.failure(err, "make it a primary")
	}
	if err := c.FlushAll(ctx).Err(); err != nil {
		return a.failure(err, "remove all keys")
	}
	err := c.FunctionFlush(ctx).Err()
	if err != nil && strings.HasPrefix(err.Error(), "ERR unknown command") {
		return nil
	}
	return a.failure(err, "remove all functions")
}
