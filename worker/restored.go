package worker

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// placeWithin bounds the look for a place that a restore has made.
const placeWithin = 10 * time.Second

// RestoredURL is the URL of a restored isolated server, with its password. It
// is opened with the configured key, or read on the host itself; it is Missing
// where neither can be done, or where the restore went elsewhere.
func (p *Parts) RestoredURL(r workflows.RestoreResult) (string, error) {
	return p.serverURL(r.ID, r.Surface, r.Host, r.SealedURL)
}

// RecoveredURL is RestoredURL for a recovery to a moment.
func (p *Parts) RecoveredURL(r workflows.RecoverResult) (string, error) {
	if r.Provider != "" {
		return p.managedURL(r)
	}
	return p.serverURL(r.ID, r.Surface, r.Host, r.SealedURL)
}

func (p *Parts) serverURL(id, surface, host, sealed string) (string, error) {
	if sealed != "" {
		url, err := p.Keys.OpenSecret(sealed)
		return url.Reveal(), err
	}
	if host == "" || host != Host(p.Config.DataDir) {
		return "", fault.New(fault.Missing, "the restored server's URL is known on host %s alone", host)
	}
	if place, ok := p.Places[surface]; ok {
		ctx, cancel := context.WithTimeout(context.Background(), placeWithin)
		defer cancel()
		made, err := place.Find(ctx, id)
		return made.URL.Reveal(), err
	}
	server, err := p.Environment.Get(id)
	if err != nil {
		return "", err
	}
	acts := p.Activities(nil)
	url, err := acts.IsolatedURL(surface, server.URL)
	return url.Reveal(), err
}

// PITRPlan says what a recovery to a moment would use, as the store has it now;
// at is as pitr.ParseTarget reads it. What can't be had is fault.Missing, with
// the nearest that can.
func (p *Parts) PITRPlan(ctx context.Context, surface, store, at string) (pitr.Preview, error) {
	planned, err := activities.Foresee(ctx, p.Activities(nil), activities.PlanInput{Surface: surface, Store: store, At: at})
	switch {
	case err != nil:
		return pitr.Preview{}, err
	case planned.Managed != nil:
		return pitr.Preview{Provider: planned.Managed.Provider, Promised: planned.Managed.Promised}, nil
	default:
		return pitr.Preview{Store: planned.Store, Plan: &planned.Plan}, nil
	}
}

// PITRStatus says which moments a surface can be put back to, as its store and
// the live server have it now. An empty store name means that of the surface's WAL.
func (p *Parts) PITRStatus(ctx context.Context, surface, store string) (pitr.Status, error) {
	return p.Activities(nil).PITRStatus(ctx, activities.PITRStatusInput{Surface: surface, Store: store})
}
