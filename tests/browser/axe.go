package browser

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// violation is a rule of axe that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// Accessible has axe look at the page as it shows: by every rule of WCAG 2.2 at
// levels A and AA, and its best practices. Each violation fails the test.
func (p *Page) Accessible(t testing.TB) {
	t.Helper()
	source, err := os.ReadFile(servers.Tool(t, "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	const look = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
		.then(r => r.violations.map(v => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map(n => ({html: n.html, failureSummary: n.failureSummary}))})))`
	ctx, cancel := context.WithTimeout(p.tab, patience)
	defer cancel()
	found := []violation{}
	_, err = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](string(source)))
	if err == nil {
		found, err = chromedp.Run(ctx, chromedp.Evaluate[[]violation](look, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		p.fails(t, "look with axe", err)
	}
	for _, v := range found {
		var nodes strings.Builder
		for _, n := range v.Nodes {
			fmt.Fprintf(&nodes, "\n\t%s\n\t%s", n.HTML, n.FailureSummary)
		}
		t.Errorf("%s: axe, %s (%s): %s%s", p.Path(t), v.ID, v.Impact, v.Help, nodes.String())
	}
}
