package activities

import (
	"context"
	"net/url"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// ServerInput asks for an isolated server that can hold a point.
type ServerInput struct {
	RestoreID string  `json:"restoreId"`
	Point     Located `json:"point"`
	Surface   string  `json:"surface"`
}

// ServerResult says where the server is.
type ServerResult struct {
	// Host names the worker's host; further steps go to its task queue.
	Host    string `json:"host"`
	Address string `json:"address"`
	// Parts and Bytes are what there is to load.
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

// StartServer starts an isolated server of the point's kind and major version
// on whichever host takes the step. Its address is loopback and its credentials
// are fresh. For a surface that has places it makes one of those instead.
func (a *Activities) StartServer(ctx context.Context, in ServerInput) (ServerResult, error) {
	p := startPulse(ctx, "start a server", 0)
	defer p.end()
	loads, err := a.loads(ctx, in.Point, archive.OpenParts)
	if err != nil {
		return ServerResult{}, err
	}
	if place, ok := a.Places[in.Surface]; ok {
		return a.startPlace(ctx, place, in, loads)
	}
	server, err := a.Environment.Start(ctx, in.RestoreID, local.Spec{
		Kind: loads.point.SurfaceKind, Product: loads.point.Server.Product, Major: loads.point.Server.Major,
		BinDir: a.Config.Surfaces[in.Surface].BinDir, Surface: in.Surface, Point: in.Point.ID,
	})
	if err != nil {
		return ServerResult{}, fault.While(err, "start an isolated server")
	}
	return ServerResult{Host: a.Host, Address: server.Address, Parts: len(loads.parts), Bytes: loads.bytes}, nil
}

// ServerRef names an isolated server on this host, or an isolated place.
type ServerRef struct {
	RestoreID string `json:"restoreId"`
	Surface   string `json:"surface"`
	// Moment is that which the restored data show, where it is known.
	Moment time.Time `json:"moment,omitzero"`
}

// Handover makes a filled server durable, and returns its URL with the
// password, sealed for those who hold the key.
func (a *Activities) Handover(ctx context.Context, in ServerRef) (HandoverResult, error) {
	p := startPulse(ctx, "make durable", 0)
	defer p.end()
	if _, placed := a.Places[in.Surface]; !placed {
		if _, err := a.Environment.MakeDurable(ctx, in.RestoreID); err != nil {
			return HandoverResult{}, fault.While(err, "make the restored server durable")
		}
	}
	restored, err := a.find(ctx, in)
	if err != nil {
		return HandoverResult{}, err
	}
	out := HandoverResult{Address: restored.address}
	if a.Config.Encryption.Unencrypted {
		return out, nil
	}
	out.SealedURL, err = a.Keys.SealSecret(restored.url)
	return out, fault.While(err, "seal the restored server's URL")
}

// HandoverResult says where a durable restored server is.
type HandoverResult struct {
	Address string `json:"address"`
	// SealedURL is the URL with its password, encrypted for the configured
	// key; empty when the configuration has none. Then only the host knows it.
	SealedURL string `json:"sealedUrl,omitempty"`
}

// StopServer stops an isolated server and removes its folder.
func (a *Activities) StopServer(ctx context.Context, in ServerRef) error {
	p := startPulse(ctx, "stop a server", 0)
	defer p.end()
	return a.stop(ctx, in)
}

// IsolatedURL is the isolated server's URL with the live database's name in it,
// so that an application finds the same name there.
func (a *Activities) IsolatedURL(surfaceName string, server secret.String) (secret.String, error) {
	live, err := url.Parse(a.Config.Surfaces[surfaceName].URL.Reveal())
	if err != nil {
		return "", fault.New(fault.Invalid, "the URL of surface %s can't be parsed", surfaceName)
	}
	restored, err := url.Parse(server.Reveal())
	if err != nil {
		return "", fault.New(fault.Internal, "the isolated server's URL can't be parsed")
	}
	if restored.Scheme == "postgres" && len(live.Path) > 1 {
		restored.Path = live.Path
	}
	return secret.String(restored.String()), nil
}
