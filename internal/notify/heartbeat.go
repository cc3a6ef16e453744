package notify

import (
	"context"
	"net/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Heartbeat tells a dead man's switch that whoever tells is alive.
type Heartbeat struct{ poster }

// NewHeartbeat makes one by the URL and the CAFile of a configuration. It connects
// to nothing. Errors are of kind fault.Invalid.
func NewHeartbeat(c Config) (*Heartbeat, error) {
	p, err := newPoster(c)
	if err != nil {
		return nil, err
	}
	return &Heartbeat{p}, nil
}

// Beat makes one attempt, within Timeout: a GET, which all such services take.
// Errors are classified and don't show the address, which names the switch.
func (h *Heartbeat) Beat(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.Reveal(), http.NoBody)
	if err != nil {
		return fault.New(fault.Invalid, "the heartbeat's url is not one")
	}
	req.Header.Set("User-Agent", "Lifeboat")
	return fault.While(h.ask(req, "reach it"), "heartbeat")
}
