package notify

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// The types of events that webhooks are sent.
const (
	// EventAlerts is of alerts that fire, go on, or are over.
	EventAlerts = "lifeboat.alerts"
	// EventTest is of a message that somebody asked for.
	EventTest = "lifeboat.test"
)

// Event is the body of a webhook, as https://www.standardwebhooks.com has it.
type Event struct {
	// Type is EventAlerts or EventTest.
	Type string `json:"type"`
	// Timestamp is when the message was made; webhook-timestamp is when it was sent.
	Timestamp time.Time `json:"timestamp"`
	Data      EventData `json:"data"`
}

// EventData are the alerts, each list possibly empty and never null.
type EventData struct {
	Firing   []status.Alert `json:"firing"`
	Still    []status.Alert `json:"still"`
	Resolved []status.Alert `json:"resolved"`
	Pages    string         `json:"pages,omitempty"`
}

type webhook struct {
	poster
	signer *standardwebhooks.Webhook
}

func newWebhook(c Config) (*webhook, error) {
	signer, err := standardwebhooks.NewWebhook(c.Secret.Reveal())
	if err != nil {
		return nil, fault.New(fault.Invalid, "the webhook's secret is not whsec_ followed by base64")
	}
	p, err := newPoster(c)
	return &webhook{p, signer}, err
}

// Send implements Channel: headers and signature are those of Standard Webhooks.
func (w *webhook) Send(ctx context.Context, m Message) error {
	event := Event{Type: EventAlerts, Timestamp: m.At, Data: EventData{list(m.Firing), list(m.Still), list(m.Resolved), m.Pages}}
	if m.Test {
		event.Type = EventTest
	}
	body, err := json.Marshal(event)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write the webhook's body")
	}
	now := present()
	signature, err := w.signer.Sign(m.ID, now, body)
	if err != nil {
		return fault.New(fault.Invalid, "the webhook can't be signed with its secret")
	}
	return w.post(ctx, body, map[string]string{
		standardwebhooks.HeaderWebhookID: m.ID, standardwebhooks.HeaderWebhookTimestamp: strconv.FormatInt(now.Unix(), 10),
		standardwebhooks.HeaderWebhookSignature: signature,
	})
}

// list is never null in JSON.
func list(alerts []status.Alert) []status.Alert {
	if alerts == nil {
		return []status.Alert{}
	}
	return alerts
}
