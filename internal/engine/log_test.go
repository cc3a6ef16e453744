//go:build !slim

package engine

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"go.temporal.io/server/common/log/tag"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestLogPassesOnWarningsOfARunningServer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newServerLog(slog.New(slog.NewTextHandler(&out, nil)))
	l.Warn("while starting")
	l.running.Store(true)
	l.Info("chatter")
	l.Error("a failure", tag.Error(errors.New("the cause")), tag.WorkflowID("w-1"))
	got := out.String()
	if strings.Contains(got, "while starting") || strings.Contains(got, "chatter") {
		t.Errorf("logged too much: %s", got)
	}
	for _, want := range []string{"level=ERROR", `msg="a failure"`, `error="the cause"`, "wf-id=w-1"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
}

func TestFatalEndsItsGoroutineOnly(t *testing.T) {
	t.Parallel()
	l := newServerLog(slog.New(slog.DiscardHandler))
	returned := make(chan bool, 1)
	go func() {
		finished := false
		defer func() { returned <- finished }()
		l.Fatal("can't listen", tag.Error(syscall.EADDRINUSE))
		finished = true
	}()
	if <-returned {
		t.Error("Fatal returned to its caller")
	}
	l.fatal.report(errors.New("a later one"))
	err := <-l.fatal.ch
	if !errors.Is(err, syscall.EADDRINUSE) || !fault.Is(err, fault.Unavailable) {
		t.Errorf("reported %v, want the first failure with its cause", err)
	}
}

// A port that is taken between its choice and its use must not end the process.
func TestPortTakenMeanwhile(t *testing.T) {
	t.Parallel()
	ports, err := freePorts(t.Context(), len(services))
	if err != nil {
		t.Fatal(err)
	}
	taken, at, err := listen(t.Context(), loopback, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ports[2] = int(at.Port())

	dir := t.TempDir()
	path := dir + "/" + databaseFile
	if err := prepareDatabase(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	_, err = startOn(newServerLog(slog.New(slog.DiscardHandler)), database(path), ports)
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("starting on a taken port gave %v, want EADDRINUSE", err)
	}
}
