package azure

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/postgresql/armpostgresqlflexibleservers/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// lookEvery is how long to wait before looking again for a server that is being made.
const lookEvery = 2 * time.Second

// Restore implements managed.Service. It follows the operation until the new
// server can be seen, or has failed: only then a later attempt, on another
// host perhaps, knows that this one was made.
func (s *Service) Restore(ctx context.Context, r managed.Request) error {
	if err := managed.CheckName(r.Name); err != nil {
		return err
	}
	// Resource Manager's PUT would change a server that exists; then it is not sent.
	if visible, _, err := s.begun(ctx, r); err != nil || visible {
		return err
	}
	from, window, err := s.source(ctx)
	if err != nil {
		return err
	}
	if err := window.Check(r); err != nil {
		return err
	}
	doing := "restore " + s.config.Instance + " to " + r.Name
	restore, err := s.client.BeginCreate(ctx, s.config.ResourceGroup, r.Name, s.wanted(r, from, window), nil)
	if err != nil {
		return s.fault(err, doing)
	}
	s.keep(r.Name, restore)
	for {
		visible, running, err := s.begun(ctx, r)
		if err != nil || visible {
			return err
		}
		if !running {
			return fault.New(fault.Internal, "%s at Azure: the operation has ended, and there is no server", doing)
		}
		select {
		case <-ctx.Done():
			return s.fault(ctx.Err(), doing)
		case <-time.After(lookEvery):
		}
	}
}

// begun reports whether the server of the request can be seen, and whether the
// operation that makes it goes on. A server of another request is an error, and
// so is a restore that has failed without leaving a server.
func (s *Service) begun(ctx context.Context, r managed.Request) (visible, running bool, err error) {
	failure, running, err := s.follow(ctx, r.Name)
	if err != nil {
		return false, false, err
	}
	found, _, err := s.find(ctx, r.Name)
	if err != nil {
		return false, false, err
	}
	if found == nil {
		if failure != "" {
			// A next attempt is a new operation.
			s.forget(r.Name)
			return false, false, fault.New(fault.Internal, "restore %s to %s at Azure: %s", s.config.Instance, r.Name, failure)
		}
		return false, running, nil
	}
	if err := r.Same(tags(found.Tags), s.config.Instance); err != nil {
		return false, false, err
	}
	if word := found.Properties.State; word != nil && state(string(*word)) == managed.Deleting {
		return false, false, fault.New(fault.Unavailable, "%s is still being deleted", r.Name)
	}
	return true, running, nil
}

// wanted is the server to be made. What it does not say, the service takes from
// the source: size, version, parameters, credentials.
func (s *Service) wanted(r managed.Request, from *armpostgresqlflexibleservers.Server, w managed.Window) armpostgresqlflexibleservers.Server {
	at := r.Second()
	if at.IsZero() {
		// The service has no word for the latest; it recovers to the end of the
		// log when asked for a time that is now.
		at = w.Latest.Add(Lag)
	}
	server := armpostgresqlflexibleservers.Server{
		Location: from.Location,
		Tags:     map[string]*string{},
		Properties: &armpostgresqlflexibleservers.ServerProperties{
			CreateMode:             to.Ptr(armpostgresqlflexibleservers.CreateModePointInTimeRestore),
			SourceServerResourceID: from.ID,
			PointInTimeUTC:         &at,
			Network:                s.network(from.Properties.Network),
		},
	}
	for key, value := range r.Tags(s.config.Instance) {
		server.Tags[key] = &value
	}
	return server
}

// network is that of the new server. The service restores private access only
// to private and public only to public; a source with public access has none to say.
func (s *Service) network(source *armpostgresqlflexibleservers.Network) *armpostgresqlflexibleservers.Network {
	if source == nil || source.DelegatedSubnetResourceID == nil || *source.DelegatedSubnetResourceID == "" {
		return nil
	}
	network := armpostgresqlflexibleservers.Network{
		DelegatedSubnetResourceID:   source.DelegatedSubnetResourceID,
		PrivateDNSZoneArmResourceID: source.PrivateDNSZoneArmResourceID,
	}
	if s.config.Subnet != "" {
		network.DelegatedSubnetResourceID = &s.config.Subnet
	}
	if s.config.PrivateDNSZone != "" {
		network.PrivateDNSZoneArmResourceID = &s.config.PrivateDNSZone
	}
	return &network
}

func tags(list map[string]*string) map[string]string {
	found := make(map[string]string, len(list))
	for key, value := range list {
		if value != nil {
			found[key] = *value
		}
	}
	return found
}

// Delete implements managed.Service. The service drops a server's backups with it.
func (s *Service) Delete(ctx context.Context, name string) error {
	found, _, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	if found == nil {
		s.forget(name)
		return nil
	}
	if err := managed.Removable(name, tags(found.Tags), s.config.Instance); err != nil {
		return err
	}
	if word := found.Properties.State; word != nil && state(string(*word)) == managed.Deleting {
		return nil
	}
	if _, err := s.client.BeginDelete(ctx, s.config.ResourceGroup, name, nil); err != nil {
		return s.fault(err, "delete "+name)
	}
	s.forget(name)
	return nil
}
