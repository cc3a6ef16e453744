// Package managed is point-in-time recovery that a cloud provider runs: the
// provider keeps the backups and the log, and makes a new instance as of an
// asked time. The source is never written to.
package managed

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Service is the recovery of one source instance. Errors are classified by
// package fault; what the provider throttles or has no answer to is
// fault.Unavailable. All methods may be called concurrently.
type Service interface {
	// Window tells what the source can be restored to.
	Window(ctx context.Context) (Window, error)
	// Restore begins a restore to a new instance and returns once the provider
	// has it under way. An instance that an earlier attempt of the same request
	// has begun is fine; any other of that name is fault.Conflict. A time
	// outside the window is fault.Missing, and nothing is begun.
	Restore(ctx context.Context, r Request) error
	// Status tells how an instance is. One that isn't there is Gone and no error.
	Status(ctx context.Context, name string) (Instance, error)
	// Connect gives the URL of an instance that is Available, with the
	// credentials and the database of the source, or with those that are
	// configured. Before that it is fault.Unavailable, and fault.Missing when
	// there is no such instance.
	Connect(ctx context.Context, name string) (secret.String, error)
	// Delete begins to remove an instance with its backups; Status tells when it
	// is Gone. One that isn't there is fine. One that Lifeboat did not restore
	// from this source is never removed: fault.Conflict.
	Delete(ctx context.Context, name string) error
}

// Window is what a source can be restored to, both ends included.
type Window struct {
	Earliest time.Time `json:"earliest"`
	Latest   time.Time `json:"latest"`
}

// Request asks for a new instance.
type Request struct {
	// Name of the new instance; see CheckName.
	Name string
	// At is the time to restore to, of which the providers promise whole
	// seconds: a fraction is cut off. Zero is the latest possible.
	At time.Time
}

// Second is the time that the provider is asked for, in UTC; zero is the latest possible.
func (r Request) Second() time.Time {
	if r.At.IsZero() {
		return time.Time{}
	}
	return r.At.UTC().Truncate(time.Second)
}

// State is how an instance is.
type State string

// The states of an instance. Whatever a provider calls it, an instance that may
// yet become Available without anybody doing anything is Creating.
const (
	Creating  State = "creating"
	Available State = "available"
	Failed    State = "failed"
	Deleting  State = "deleting"
	Gone      State = "gone"
)

// Instance is one instance as the provider sees it now.
type Instance struct {
	State State `json:"state"`
	// Address is HOST:PORT; empty until the provider has given one.
	Address string `json:"address,omitempty"`
	// Detail is the provider's own word for the state, or why it failed.
	Detail string `json:"detail,omitempty"`
}

// Check answers a request that the window does not hold with the nearest time
// that can be had, as fault.Missing.
func (w Window) Check(r Request) error {
	at := r.Second()
	switch {
	case at.IsZero():
		return nil
	case at.Before(w.Earliest):
		return fault.New(fault.Missing, "%s is before what is kept; the earliest to be had is %s", stamp(at), stamp(ceiling(w.Earliest)))
	case at.After(w.Latest):
		return fault.New(fault.Missing, "%s is after what is kept; the latest to be had is %s", stamp(at), stamp(w.Latest))
	}
	return nil
}

// ceiling is the first whole second that is not before t.
func ceiling(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Ready is nil for an instance that can be connected to; else it says why not,
// with the kinds that Connect promises.
func (i Instance) Ready(name string) error {
	switch i.State {
	case Available:
		if i.Address == "" {
			return fault.New(fault.Unavailable, "%s has no address yet", name)
		}
		return nil
	case Creating:
		return fault.New(fault.Unavailable, "%s is not ready: it is %s", name, i.Detail)
	case Failed:
		return fault.New(fault.Lost, "the restore to %s has failed: %s; delete it and begin another one", name, i.Detail)
	default:
		return fault.New(fault.Missing, "there is no instance %s", name)
	}
}
