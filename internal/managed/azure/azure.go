// Package azure is point-in-time recovery by Azure Database for PostgreSQL,
// flexible server, through Resource Manager's API of 2024-08-01.
package azure

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/postgresql/armpostgresqlflexibleservers/v4"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Lag is how far the end of the window is behind now. The service tells no
// latest time; it promises that no more than five minutes of log are unarchived.
const Lag = 5 * time.Minute

// Service is the recovery of one server.
type Service struct {
	client *armpostgresqlflexibleservers.ServersClient
	config managed.Config
	// port is that of the source: the service has one for all servers, and a
	// second one where its pooler is used.
	port string

	mu sync.Mutex
	// under holds the restores that this process has begun, by name. A server
	// does not say that its restore has failed, nor why: the operation does.
	under map[string]*operation
}

type operation = runtime.Poller[armpostgresqlflexibleservers.ServersClientCreateResponse]

// Open prepares the client; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(_ context.Context, c managed.Config) (managed.Service, error) {
	port, err := managed.Port(c.URL)
	if err != nil {
		return nil, err
	}
	options, err := microsoft.Configure(microsoft.Options{
		Transport: transport.Options{CAFile: c.CAFile, Idle: transport.Idle}, Attempts: 3,
	})
	if err != nil {
		return nil, err
	}
	options.Cloud = place(c)
	credential, err := identify(c, options)
	if err != nil {
		return nil, err
	}
	client, err := armpostgresqlflexibleservers.NewServersClient(c.Subscription, credential, &arm.ClientOptions{
		ClientOptions: options,
		// What a subscription may do is for its owner to say.
		DisableRPRegistration: true,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "prepare Azure Resource Manager's client")
	}
	return &Service{client: client, config: c, port: port, under: map[string]*operation{}}, nil
}

// place is the cloud that c is in: the public one, but for what c says.
func place(c managed.Config) cloud.Configuration {
	where := cloud.AzurePublic
	if c.Authority != "" {
		where.ActiveDirectoryAuthorityHost = c.Authority
	}
	if c.Endpoint != "" {
		where.Services = map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: c.Endpoint, Audience: c.Endpoint},
		}
	}
	return where
}

// find returns a server, or nil when there is none of that name, and the time
// at the service.
func (s *Service) find(ctx context.Context, name string) (*armpostgresqlflexibleservers.Server, time.Time, error) {
	var answer *http.Response
	found, err := s.client.Get(policy.WithCaptureResponse(ctx, &answer), s.config.ResourceGroup, name, nil)
	now := clock(answer)
	switch {
	case code(err) == codeNoServer:
		return nil, now, nil
	case err != nil:
		return nil, now, s.fault(err, "look up "+name)
	}
	if found.Properties == nil {
		found.Properties = &armpostgresqlflexibleservers.ServerProperties{}
	}
	return &found.Server, now, nil
}

// clock is the time at the service, which counts there, and not this host's.
func clock(answer *http.Response) time.Time {
	if answer != nil {
		if now, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
			return now
		}
	}
	return time.Now().UTC()
}

// Window implements managed.Service. It begins with the earliest backup and
// ends Lag before now.
func (s *Service) Window(ctx context.Context) (managed.Window, error) {
	_, window, err := s.source(ctx)
	return window, err
}

func (s *Service) source(ctx context.Context) (*armpostgresqlflexibleservers.Server, managed.Window, error) {
	name := s.config.Instance
	found, now, err := s.find(ctx, name)
	if err != nil {
		return nil, managed.Window{}, err
	}
	if found == nil {
		return nil, managed.Window{}, fault.New(fault.Missing,
			"there is no flexible server %s in %s: correct instance, resourceGroup or subscription", name, s.config.ResourceGroup)
	}
	window := managed.Window{Latest: now.Add(-Lag).UTC()}
	if backup := found.Properties.Backup; backup != nil && backup.EarliestRestoreDate != nil {
		window.Earliest = backup.EarliestRestoreDate.UTC()
	}
	if window.Earliest.IsZero() || window.Latest.Before(window.Earliest) {
		return nil, managed.Window{}, fault.New(fault.Missing, "Azure has no backup of %s yet: wait for the first one", name)
	}
	return found, window, nil
}

// Status implements managed.Service.
func (s *Service) Status(ctx context.Context, name string) (managed.Instance, error) {
	failure, running, err := s.follow(ctx, name)
	if err != nil {
		return managed.Instance{}, err
	}
	found, _, err := s.find(ctx, name)
	if err != nil {
		return managed.Instance{}, err
	}
	instance := managed.Instance{State: managed.Gone}
	if found != nil {
		if state := found.Properties.State; state != nil {
			instance.Detail = string(*state)
		}
		instance.State = state(instance.Detail)
		if host := found.Properties.FullyQualifiedDomainName; host != nil && *host != "" {
			instance.Address = net.JoinHostPort(*host, s.port)
		}
	}
	switch {
	case instance.State == managed.Deleting:
	case failure != "":
		instance.State, instance.Detail = managed.Failed, failure
	case running:
		instance.State = managed.Creating
		if instance.Detail == "" {
			instance.Detail = "accepted"
		}
	}
	return instance, nil
}

// state reads the service's word for a server's state. A word that is not
// listed is one of those that pass: Provisioning, Starting, Updating, …
func state(word string) managed.State {
	switch armpostgresqlflexibleservers.ServerState(word) {
	case armpostgresqlflexibleservers.ServerStateReady:
		return managed.Available
	case armpostgresqlflexibleservers.ServerStateDropping:
		return managed.Deleting
	case armpostgresqlflexibleservers.ServerStateDisabled, armpostgresqlflexibleservers.ServerStateStopped,
		armpostgresqlflexibleservers.ServerStateStopping:
		return managed.Failed
	default:
		return managed.Creating
	}
}

// Connect implements managed.Service.
func (s *Service) Connect(ctx context.Context, name string) (secret.String, error) {
	return managed.Connect(ctx, s, s.config.URL, name)
}
