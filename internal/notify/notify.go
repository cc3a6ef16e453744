// Package notify tells people of alerts: by a webhook, Slack, e-mail, or any of
// the services that shoutrrr knows. One call is one attempt; whoever calls makes
// the next.
package notify

import (
	"context"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// Timeout bounds one attempt.
const Timeout = 30 * time.Second

// The kinds of channels.
const (
	Webhook = "webhook"
	Slack   = "slack"
	Email   = "email"
	URL     = "url"
)

// Config is where a channel leads.
type Config struct {
	// Kind is Webhook, Slack, Email or URL.
	Kind string
	// URL is the address of a webhook or of a Slack webhook, or a service as shoutrrr writes it.
	URL secret.String
	// Secret signs what a webhook sends: whsec_ and base64, as Standard Webhooks has it.
	Secret secret.String
	// Server is the HOST:PORT of a mail server; port 465 is TLS from the first byte.
	Server string
	// User and Password log in to the mail server; both may be empty.
	User     string
	Password secret.String
	// From and To are mail addresses.
	From string
	To   []string
	// CAFile is a PEM file with certificate authorities to trust besides the system's.
	CAFile string
}

// Message is what is told at once.
type Message struct {
	// ID is the same for every attempt: whoever receives it twice can tell.
	ID string `json:"id"`
	// At is when it was made.
	At time.Time `json:"at"`
	// Firing began to fire, Still goes on, Resolved is over.
	Firing   []status.Alert `json:"firing"`
	Still    []status.Alert `json:"still"`
	Resolved []status.Alert `json:"resolved"`
	// Pages is the address of the admin pages; it may be empty.
	Pages string `json:"pages,omitempty"`
	// Test marks a message that somebody asked for, to see it arrive.
	Test bool `json:"test,omitempty"`
}

// Channel tells somebody.
type Channel interface {
	// Send makes one attempt, within Timeout. Errors are classified: fault.Unavailable
	// where the same message may be taken later. They never show an address with a
	// token in it, or a secret.
	Send(ctx context.Context, m Message) error
}

// Open makes a channel. It connects to nothing. Errors are of kind fault.Invalid.
func Open(c Config) (Channel, error) {
	switch c.Kind {
	case Webhook:
		return newWebhook(c)
	case Slack:
		return newSlack(c)
	case Email:
		return newEmail(c)
	case URL:
		return newService(c)
	default:
		return nil, fault.New(fault.Invalid, "there are no channels of kind %q: it is %s, %s, %s or %s", c.Kind, Webhook, Slack, Email, URL)
	}
}

// critical reports whether anything that goes on is critical.
func (m Message) critical() bool {
	return slices.ContainsFunc(append(slices.Clone(m.Firing), m.Still...), func(a status.Alert) bool { return a.Severity == status.Critical })
}
