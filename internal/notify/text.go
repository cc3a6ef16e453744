package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// maxShown is how many alerts of a sort a message spells out: a cluster that is
// down has hundreds, and no one reads them in a message.
const maxShown = 20

// Subject is a message in one line.
func (m Message) Subject() string {
	if m.Test {
		return "[Lifeboat] Test of this channel"
	}
	shown, what := m.Firing, "Alert"
	switch {
	case len(m.Firing) > 0:
	case len(m.Still) > 0:
		shown, what = m.Still, "Still"
	default:
		shown, what = m.Resolved, "Resolved"
	}
	if m.critical() {
		what = strings.ToUpper(what)
	}
	line := "[Lifeboat] " + what
	if len(shown) > 0 {
		line += ": " + shown[0].Rule + on(shown[0])
	}
	if others := len(m.Firing) + len(m.Still) + len(m.Resolved) - 1; others > 0 {
		line += fmt.Sprintf(" and %d more", others)
	}
	return line
}

// on says in a few words what an alert is about.
func on(a status.Alert) string {
	for _, label := range []string{"policy", "plan", "store", "workload", "where", "replica", "surface"} {
		if value := a.Labels[label]; value != "" {
			return " (" + label + " " + value + ")"
		}
	}
	return ""
}

// Text is a message for people, in plain text.
func (m Message) Text() string {
	var b strings.Builder
	if m.Test {
		b.WriteString("This is a test: alerts of Lifeboat arrive here.\n")
	}
	section(&b, "FIRING", m.Firing, full)
	section(&b, "STILL FIRING", m.Still, full)
	section(&b, "RESOLVED", m.Resolved, short)
	if m.Pages != "" {
		b.WriteString("\n" + m.Pages + "\n")
	}
	return strings.TrimSpace(b.String()) + "\n"
}

func section(b *strings.Builder, title string, alerts []status.Alert, write func(*strings.Builder, status.Alert)) {
	if len(alerts) == 0 {
		return
	}
	b.WriteString("\n" + title + " (" + strconv.Itoa(len(alerts)) + ")\n")
	for i, a := range alerts {
		if i == maxShown {
			fmt.Fprintf(b, "- and %d more\n", len(alerts)-maxShown)
			return
		}
		write(b, a)
	}
}

func full(b *strings.Builder, a status.Alert) {
	fmt.Fprintf(b, "- %s, %s, since %s\n  %s\n  %s\n  %s\n", a.Rule, a.Severity, clock(a.Since), a.Summary, a.Description, a.Runbook)
}

func short(b *strings.Builder, a status.Alert) {
	fmt.Fprintf(b, "- %s: it is over, and began at %s\n  It was: %s\n", a.Rule, clock(a.Since), a.Summary)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
