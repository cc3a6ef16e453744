package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// header is what stands above generated rules.
const header = "# Generated from internal/alert by `go test ./internal/alert -update`: change it there.\n"

// Prometheus are the rules as a file of rules for Prometheus, with runbooks
// below a base.
func Prometheus(base string) string {
	var b strings.Builder
	b.WriteString(header + "groups:\n  - name: lifeboat\n    rules:\n")
	for _, r := range Rules() {
		value := func(label string) string { return "{{ $labels." + label + " }}" }
		fmt.Fprintf(&b, "      - alert: %s\n        expr: %s\n", r.Name, strconv.Quote(r.Expr))
		if r.For > 0 {
			fmt.Fprintf(&b, "        for: %s\n", shortly(r.For))
		}
		fmt.Fprintf(&b, "        labels: {severity: %s}\n        annotations:\n", r.Severity)
		fmt.Fprintf(&b, "          summary: %s\n", strconv.Quote(r.fill(r.Summary, value)))
		fmt.Fprintf(&b, "          description: %s\n", strconv.Quote(r.fill(r.Description, value)))
		fmt.Fprintf(&b, "          runbook_url: %s\n", strconv.Quote(Runbook(base, r.Name)))
	}
	return b.String()
}

// Table is the rules as a table in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| alert | severity | it fires when | for |\n| --- | --- | --- | --- |\n")
	for _, r := range Rules() {
		wait := "at once"
		if r.For > 0 {
			wait = shortly(r.For)
		}
		fmt.Fprintf(&b, "| [%s](runbooks/%s.md) | %s | %s | %s |\n", r.Name, strings.ToLower(r.Name), r.Severity, r.Condition, wait)
	}
	return b.String()
}

// shortly is a duration of whole minutes as Prometheus writes it.
func shortly(d time.Duration) string { return strconv.Itoa(int(d/time.Minute)) + "m" }
