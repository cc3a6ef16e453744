//go:build !slim

package engine

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"go.temporal.io/server/common/log/tag"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// serverLog hands the server's warnings and errors to slog. What is less than a
// warning is dropped: an engine talks a lot about itself.
type serverLog struct {
	out *slog.Logger
	// running is unset while the engine starts, when it warns of what it was not
	// given on purpose, and while it stops, when its services miss each other.
	running *atomic.Bool
	fatal   *fatal
}

func newServerLog(out *slog.Logger) serverLog {
	return serverLog{out: out, running: new(atomic.Bool), fatal: &fatal{ch: make(chan error, 1)}}
}

// fatal keeps the first failure after which the server wants its process to end.
type fatal struct {
	once sync.Once
	ch   chan error
}

func (f *fatal) report(err error) { f.once.Do(func() { f.ch <- err }) }

func (l serverLog) write(level slog.Level, msg string, tags []tag.Tag) {
	if !l.running.Load() || !l.out.Enabled(context.Background(), level) {
		return
	}
	l.out.LogAttrs(context.Background(), level, msg, attributes(tags)...)
}

// Debug drops the message.
func (l serverLog) Debug(string, ...tag.Tag) {}

// Info drops the message.
func (l serverLog) Info(string, ...tag.Tag) {}

// Warn passes the message on.
func (l serverLog) Warn(msg string, tags ...tag.Tag) { l.write(slog.LevelWarn, msg, tags) }

// Error passes the message on.
func (l serverLog) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic passes the message on as an error: it asks for a panic in development only.
func (l serverLog) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic passes the message on and panics, as the server expects.
func (l serverLog) Panic(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal reports that the engine can't go on and ends the calling goroutine. The
// server expects its process to end here, but the process isn't the engine's
// alone: whoever started the engine hears of it and decides.
func (l serverLog) Fatal(msg string, tags ...tag.Tag) {
	l.fatal.report(fault.Wrap(fault.Unavailable, cause(tags), "the embedded engine failed: %s", msg))
	runtime.Goexit()
}

// cause finds the error among the tags of a message.
func cause(tags []tag.Tag) error {
	for _, t := range tags {
		if err := errorIn(t); err != nil {
			return err
		}
	}
	return errors.New("no cause given")
}

func errorIn(t tag.Tag) error {
	if z, ok := t.(tag.ZapTag); ok {
		err, _ := z.Field().Interface.(error)
		return err
	}
	return nil
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, 0, len(tags))
	for _, t := range tags {
		value := t.Value()
		if err := errorIn(t); err != nil {
			value = err.Error()
		}
		attrs = append(attrs, slog.Any(t.Key(), value))
	}
	return attrs
}
