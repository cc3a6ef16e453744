// Package clients connects to Kubernetes API servers. Whoever works with a
// cluster (a surface, an environment, a check) does so through one of its clients.
package clients

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// noLimit leaves the pace to the API server: its priority and fairness keeps one
// client from crowding out others, and has it wait by 429, which client-go obeys.
// On this side the bound is how many requests are under way at once, of which
// every caller has few. With a limit of 200 a second, restoring 10,000 objects
// took nearly three times as long as the API server needs (docs/performance.md).
const noLimit = -1

// userAgent is what API servers are told of who asks.
const userAgent = "lifeboat"

// Client is a connection to an API server. It may be used by many goroutines.
type Client struct {
	// REST is what clients for types of their own are made from.
	REST    *rest.Config
	Dynamic dynamic.Interface
	// Discovery remembers what it was told; Mapper.Reset makes both forget it.
	Discovery discovery.CachedDiscoveryInterface
	Mapper    *restmapper.DeferredDiscoveryRESTMapper
	// Namespace is that of the context.
	Namespace string
}

// Connect reads the kubeconfig. It sends nothing yet; errors are fault.Invalid.
func Connect(c cluster.Config) (*Client, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.Context})
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	out := &Client{REST: config}
	if out.Namespace, _, err = loaded.Namespace(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	config.UserAgent, config.WarningHandler = userAgent, rest.NoWarnings{}
	config.QPS = noLimit
	if out.Dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	out.Discovery = memory.NewMemCacheClient(found)
	out.Mapper = restmapper.NewDeferredDiscoveryRESTMapper(out.Discovery)
	return out, nil
}

// Resource is the client of one type in one namespace; an empty namespace is
// for types that belong to the cluster.
func (c *Client) Resource(of schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.Dynamic.Resource(of)
	}
	return c.Dynamic.Resource(of).Namespace(namespace)
}

// Same reports whether two configurations reach the same API server, for one
// cluster can be written in several ways. It reads their kubeconfigs: of those
// that can't be read only the same ones are one cluster.
func Same(a, b cluster.Config) bool {
	if a == b {
		return true
	}
	first, err := Connect(a)
	if err != nil {
		return false
	}
	second, err := Connect(b)
	return err == nil && strings.TrimSuffix(first.REST.Host, "/") == strings.TrimSuffix(second.REST.Host, "/")
}
