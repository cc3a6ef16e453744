package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/notify"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// TellInput is what a channel is to be told. It names the channel: what leads
// there, secrets included, is in the worker's configuration and in no history.
type TellInput struct {
	Channel string `json:"channel"`
	// ID is the same whenever the same is told.
	ID string `json:"id"`
	// At is when the message was made.
	At time.Time `json:"at"`
	// Firing began to fire, Still goes on, Resolved is over.
	Firing   []status.Alert `json:"firing,omitempty"`
	Still    []status.Alert `json:"still,omitempty"`
	Resolved []status.Alert `json:"resolved,omitempty"`
}

// Tell makes one attempt to tell a channel. Its error is of kind fault.Missing
// when the configuration has no such channel.
func (a *Activities) Tell(ctx context.Context, in TellInput) error {
	channel, err := OpenChannel(a.Config, in.Channel)
	if err != nil {
		return err
	}
	err = channel.Send(ctx, notify.Message{
		ID: in.ID, At: in.At, Firing: in.Firing, Still: in.Still, Resolved: in.Resolved, Pages: a.Config.Alerts.Links,
	})
	return fault.While(err, "channel %s", in.Channel)
}

// OpenChannel opens a channel of the configuration; it connects to nothing.
func OpenChannel(c *config.Config, name string) (notify.Channel, error) {
	s, ok := c.Alerts.Channels[name]
	if !ok {
		return nil, fault.New(fault.Missing, "there is no channel %q in the configuration: it is to be under alerts.channels", name)
	}
	channel, err := notify.Open(notify.Config{
		Kind: s.Kind, URL: s.URL, Secret: s.Secret, Server: s.Server, User: s.User, Password: s.Password, From: s.From, To: s.To, CAFile: s.CAFile,
	})
	return channel, fault.While(err, "channel %s", name)
}

// beat gives the dead man's switch of the configuration one sign of life.
func beat(ctx context.Context, h config.Heartbeat) error {
	heartbeat, err := notify.NewHeartbeat(notify.Config{URL: h.URL, CAFile: h.CAFile})
	if err != nil {
		return fault.While(err, "heartbeat")
	}
	return heartbeat.Beat(ctx)
}
