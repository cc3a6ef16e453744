package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// slack posts to an incoming webhook of Slack, or of what takes the same.
type slack struct{ poster }

func newSlack(c Config) (*slack, error) {
	p, err := newPoster(c)
	return &slack{p}, err
}

// slackBody has the message as blocks, and in text for notifications.
type slackBody struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackText `json:"text"`
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Slack takes 50 blocks, of 3,000 characters each.
const (
	maxBlocks    = 45
	maxBlockText = 2900
)

// Send implements Channel.
func (s *slack) Send(ctx context.Context, m Message) error {
	out := slackBody{Text: escape(m.Subject())}
	out.add("*" + escape(m.Subject()) + "*")
	if m.Test {
		out.add("This is a test: alerts of Lifeboat arrive here.")
	}
	out.alerts(m.Firing, "firing")
	out.alerts(m.Still, "still firing")
	out.alerts(m.Resolved, "resolved")
	if m.Pages != "" {
		out.add("<" + escape(m.Pages) + "|Open Lifeboat>")
	}
	body, err := json.Marshal(out)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write the message for Slack")
	}
	return s.post(ctx, body, nil)
}

func (b *slackBody) alerts(alerts []status.Alert, state string) {
	for i, a := range alerts {
		if i == maxShown || len(b.Blocks) >= maxBlocks {
			b.add(fmt.Sprintf("and %d more %s", len(alerts)-i, state))
			return
		}
		text := fmt.Sprintf("%s *%s* %s, %s, since %s\n%s", sign(a, state), escape(a.Rule), a.Severity, state, clock(a.Since), escape(a.Summary))
		if state != "resolved" {
			text += "\n" + escape(a.Description) + " <" + escape(a.Runbook) + "|Runbook>"
		}
		b.add(text)
	}
}

func (b *slackBody) add(text string) {
	if runes := []rune(text); len(runes) > maxBlockText {
		text = string(runes[:maxBlockText]) + "…"
	}
	b.Blocks = append(b.Blocks, slackBlock{"section", slackText{"mrkdwn", text}})
}

func sign(a status.Alert, state string) string {
	switch {
	case state == "resolved":
		return ":white_check_mark:"
	case a.Severity == status.Critical:
		return ":red_circle:"
	default:
		return ":large_yellow_circle:"
	}
}

// escape keeps texts from being read as Slack's own marks of links and mentions.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
