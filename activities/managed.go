package activities

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

// ManagedPlan is a recovery that a provider runs.
type ManagedPlan struct {
	// Provider is the kind of the service.
	Provider string `json:"provider"`
	// At is the moment that was asked for, zero for the latest.
	At time.Time `json:"at,omitzero"`
	// Promised is the moment that the provider says it can reach for that, in whole seconds.
	Promised time.Time `json:"promised"`
}

// ManagedRef names an instance that a provider makes, or has made.
type ManagedRef struct {
	RestoreID string `json:"restoreId"`
	Surface   string `json:"surface"`
}

// instance is the name at the provider: it is the same in every attempt.
func (r ManagedRef) instance() string {
	return "lifeboat-" + strings.ToLower(strings.ReplaceAll(r.RestoreID, ".", "-"))
}

// service is the provider of a surface's recovery.
func (a *Activities) service(surfaceName string) (managed.Service, error) {
	service, ok := a.Managed[surfaceName]
	if !ok {
		return nil, fault.New(fault.Missing, "surface %q has no provider of recovery in the configuration: set surfaces.%s.managed", surfaceName, surfaceName)
	}
	return service, nil
}

// managedWindow is the window of a provider as a status.
func (a *Activities) managedWindow(ctx context.Context, surfaceName, kind string) (pitr.Status, error) {
	out := pitr.Status{Surface: surfaceName, Store: kind, Alarms: []string{}}
	out.Gaps = []pitr.Gap{}
	service, err := a.service(surfaceName)
	if err != nil {
		return out, err
	}
	window, err := service.Window(ctx)
	out.Earliest, out.Latest = window.Earliest, window.Latest
	if err != nil {
		return out, fault.While(err, "ask %s for the window of %s", kind, surfaceName)
	}
	if alarmer, ok := service.(managed.Alarmer); ok {
		alarms, err := alarmer.Alarms(ctx)
		if err != nil {
			return out, fault.While(err, "ask %s how the backups of %s fare", kind, surfaceName)
		}
		out.Alarms = append(out.Alarms, alarms...)
	}
	return out, nil
}

// planManaged checks that a provider can reach a target.
func (a *Activities) planManaged(ctx context.Context, surfaceName, kind string, target pitr.Target) (Planned, error) {
	at, err := target.Moment()
	if err != nil {
		return Planned{}, err
	}
	status, err := a.managedWindow(ctx, surfaceName, kind)
	if err != nil {
		return Planned{}, err
	}
	request := managed.Request{At: at}
	if err := (managed.Window{Earliest: status.Earliest, Latest: status.Latest}).Check(request); err != nil {
		return Planned{}, err
	}
	promised := cmp.Or(request.Second(), status.Latest.Truncate(time.Second))
	return Planned{Managed: &ManagedPlan{Provider: kind, At: at, Promised: promised}}, nil
}

// RestoreManagedInput asks a provider for a new instance.
type RestoreManagedInput struct {
	ManagedRef
	At time.Time `json:"at,omitzero"`
}

// RestoreManaged has the provider begin a restore, and returns the name of the
// new instance. Once it is asked, the answer is waited for even when the step is
// cancelled: an instance that nobody knows of would stay for ever.
func (a *Activities) RestoreManaged(ctx context.Context, in RestoreManagedInput) (string, error) {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	p := startPulse(ctx, "begin the restore", 0)
	defer p.end()
	service, err := a.service(in.Surface)
	if err != nil {
		return "", err
	}
	return in.instance(), service.Restore(ctx, managed.Request{Name: in.instance(), At: in.At})
}

// AwaitManaged returns the HOST:PORT of an instance that can be connected to.
// One that is being made is fault.Unavailable: the next attempt looks again.
func (a *Activities) AwaitManaged(ctx context.Context, in ManagedRef) (string, error) {
	p := startPulse(ctx, "look at the new instance", 0)
	defer p.end()
	service, err := a.service(in.Surface)
	if err != nil {
		return "", err
	}
	found, err := service.Status(ctx, in.instance())
	if err != nil {
		return "", err
	}
	if found.State == managed.Failed {
		return "", fault.New(fault.Lost, "the provider could not restore %s: %s", in.instance(), found.Detail)
	}
	return found.Address, found.Ready(in.instance())
}

// FindManaged returns the name of an instance, and is Missing when there is none.
func (a *Activities) FindManaged(ctx context.Context, in ManagedRef) (string, error) {
	p := startPulse(ctx, "look for the instance", 0)
	defer p.end()
	service, err := a.service(in.Surface)
	if err != nil {
		return "", err
	}
	name := in.instance()
	if managed.CheckName(name) != nil {
		return "", fault.New(fault.Missing, "%q is no ID of a recovery", in.RestoreID)
	}
	found, err := service.Status(ctx, name)
	if err == nil && found.State == managed.Gone {
		err = fault.New(fault.Missing, "there is no instance %s of the recovery %s", name, in.RestoreID)
	}
	return name, err
}

// DeleteManaged removes an instance with its backups. As long as it isn't gone
// that is fault.Unavailable: the next attempt looks again.
func (a *Activities) DeleteManaged(ctx context.Context, in ManagedRef) error {
	p := startPulse(ctx, "delete the instance", 0)
	defer p.end()
	service, err := a.service(in.Surface)
	if err != nil {
		return err
	}
	if err := service.Delete(ctx, in.instance()); err != nil {
		return err
	}
	found, err := service.Status(ctx, in.instance())
	if err == nil && found.State != managed.Gone {
		err = fault.New(fault.Unavailable, "%s is not gone yet: it is %s", in.instance(), found.State)
	}
	return err
}
