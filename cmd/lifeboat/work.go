package main

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// starter is a method of launch.Launcher that starts work of one sort.
type starter[In any] func(*launch.Launcher, context.Context, launch.Request, In) (launch.Started, error)

// work starts some, and says so. With wait it waits for its end instead, reads
// its result, and has it printed.
func work[In any](
	ctx context.Context, a *app, c *config.Config, wait bool, title string, start starter[In], in In, result any, done func(launch.Started) error,
) error {
	s, err := a.connect(ctx, c, wait)
	if err != nil {
		return err
	}
	defer s.close()
	started, err := start(s.launcher, ctx, requester(), in)
	if err != nil {
		return err
	}
	if !wait {
		return a.started(started)
	}
	if err := a.await(ctx, s, started, title, result); err != nil {
		return err
	}
	return done(started)
}
