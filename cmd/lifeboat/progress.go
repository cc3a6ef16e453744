package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// On a terminal one line is redrawn; elsewhere a plain line is printed now and then.
const (
	redrawEvery = 300 * time.Millisecond
	lineEvery   = 10 * time.Second
)

// meter shows the progress of a run while somebody waits for it.
type meter struct {
	out      io.Writer
	terminal bool
	title    string
	started  time.Time
	lastLine time.Time
	lastText string
}

func newMeter(out io.Writer, title string) *meter {
	file, ok := out.(*os.File)
	return &meter{
		out: out, title: title, started: time.Now(), lastLine: time.Now(),
		terminal: ok && term.IsTerminal(int(file.Fd())),
	}
}

// follow shows progress until done is closed.
func (m *meter) follow(ctx context.Context, l *launch.Launcher, s launch.Started, done <-chan struct{}) {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			m.clear()
			return
		case <-ctx.Done():
			m.clear()
			return
		case <-tick.C:
			if m.terminal || time.Since(m.lastLine) >= lineEvery {
				// A progress that can't be asked for now is shown at the next tick.
				if p, err := l.Progress(ctx, s); err == nil {
					m.draw(p)
				}
			}
		}
	}
}

func (m *meter) draw(p launch.Progress) {
	text := m.title + ": " + describe(p, time.Since(m.started))
	if m.terminal {
		fmt.Fprintf(m.out, "\r\x1b[2K%s", text)
		return
	}
	m.lastLine = time.Now()
	if text != m.lastText {
		fmt.Fprintln(m.out, text)
		m.lastText = text
	}
}

// tell shows a progress that the caller has asked for, as often as it is due.
func (m *meter) tell(p launch.Progress) {
	if m.terminal || time.Since(m.lastLine) >= lineEvery {
		m.draw(p)
	}
}

// count shows how much of a known number was looked at.
func (m *meter) count(done, total int64) {
	m.tell(launch.Progress{Phase: "entries", PartsDone: int(done), PartsTotal: int(total)})
}

func (m *meter) clear() {
	if m.terminal {
		fmt.Fprint(m.out, "\r\x1b[2K")
	}
}

// describe writes phase, bytes, rate and the time that is left.
func describe(p launch.Progress, elapsed time.Duration) string {
	parts := []string{p.Phase}
	if p.PartsTotal > 0 {
		parts = append(parts, fmt.Sprintf("%d/%d parts", p.PartsDone, p.PartsTotal))
	}
	if p.Bytes > 0 {
		text := size(p.Bytes)
		if p.BytesTotal > p.Bytes {
			text += " of " + size(p.BytesTotal)
		}
		parts = append(parts, text)
		if s := elapsed.Seconds(); s > 0 {
			rate := float64(p.Bytes) / s
			parts = append(parts, size(int64(rate))+"/s")
			if p.BytesTotal > p.Bytes {
				left := time.Duration(float64(p.BytesTotal-p.Bytes) / rate * float64(time.Second))
				parts = append(parts, "ETA "+left.Round(time.Second).String())
			}
		}
	}
	if p.Trouble != "" {
		parts = append(parts, "trying again: "+p.Trouble)
	}
	return strings.Join(parts, ", ")
}
