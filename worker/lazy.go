package worker

import (
	"context"
	"sync"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// lazily opens something when it is first needed, and again as long as that
// fails: a kubeconfig that is not there keeps nobody from what needs none.
type lazily[T any] struct {
	open func() (T, error)

	mu     sync.Mutex
	opened bool
	value  T
}

func (l *lazily[T]) get() (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened {
		return l.value, nil
	}
	value, err := l.open()
	if err == nil {
		l.value, l.opened = value, true
	}
	return value, err
}

// lazyPlace is a place on a cluster, whose kubeconfig is read when it is needed.
type lazyPlace struct{ lazily[environment.Place] }

func (l *lazyPlace) Make(ctx context.Context, id string, of environment.Origin) (environment.Made, error) {
	p, err := l.get()
	if err != nil {
		return environment.Made{}, err
	}
	return p.Make(ctx, id, of)
}

func (l *lazyPlace) Find(ctx context.Context, id string) (environment.Made, error) {
	p, err := l.get()
	if err != nil {
		return environment.Made{}, err
	}
	return p.Find(ctx, id)
}

func (l *lazyPlace) TryIsolation(ctx context.Context, id string) ([]drill.Attempt, error) {
	p, err := l.get()
	if err != nil {
		return nil, err
	}
	return p.TryIsolation(ctx, id)
}

func (l *lazyPlace) Remove(ctx context.Context, id string) error {
	p, err := l.get()
	if err != nil {
		return err
	}
	return p.Remove(ctx, id)
}

func (l *lazyPlace) Left(ctx context.Context, id string) ([]string, error) {
	p, err := l.get()
	if err != nil {
		return nil, err
	}
	return p.Left(ctx, id)
}

func (l *lazyPlace) IDs(ctx context.Context) ([]string, error) {
	p, err := l.get()
	if err != nil {
		return nil, err
	}
	return p.IDs(ctx)
}

func (l *lazyPlace) Where() string {
	p, err := l.get()
	if err != nil {
		return "a cluster that is not known: " + fault.Line(err)
	}
	return p.Where()
}

func (l *lazyPlace) Limits() []string {
	p, err := l.get()
	if err != nil {
		return nil
	}
	return p.Limits()
}

// lazyService is recovery by an operator on a cluster, in the same way.
type lazyService struct{ lazily[managed.Service] }

func (l *lazyService) Window(ctx context.Context) (managed.Window, error) {
	s, err := l.get()
	if err != nil {
		return managed.Window{}, err
	}
	return s.Window(ctx)
}

func (l *lazyService) Restore(ctx context.Context, r managed.Request) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Restore(ctx, r)
}

func (l *lazyService) Status(ctx context.Context, name string) (managed.Instance, error) {
	s, err := l.get()
	if err != nil {
		return managed.Instance{}, err
	}
	return s.Status(ctx, name)
}

func (l *lazyService) Connect(ctx context.Context, name string) (secret.String, error) {
	s, err := l.get()
	if err != nil {
		return "", err
	}
	return s.Connect(ctx, name)
}

func (l *lazyService) Delete(ctx context.Context, name string) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Delete(ctx, name)
}

// Stopped implements managed.Stopper; Missing where the service is none.
func (l *lazyService) Stopped(ctx context.Context, name string) (managed.Stop, error) {
	s, err := l.get()
	if err != nil {
		return managed.Stop{}, err
	}
	if stopper, ok := s.(managed.Stopper); ok {
		return stopper.Stopped(ctx, name)
	}
	return managed.Stop{}, fault.New(fault.Missing, "the provider does not say where a recovery stopped")
}

// Alarms implements managed.Alarmer; nothing where the service is none.
func (l *lazyService) Alarms(ctx context.Context) ([]string, error) {
	s, err := l.get()
	if err != nil {
		return nil, err
	}
	if alarmer, ok := s.(managed.Alarmer); ok {
		return alarmer.Alarms(ctx)
	}
	return nil, nil
}
