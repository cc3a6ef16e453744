// Package cluster connects to Kubernetes API servers, and says what their
// answers mean. Whoever works with a cluster (a surface, an environment, a
// check) does so through one of its clients.
package cluster

import (
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Config says which API server, and who asks it.
type Config struct {
	// Kubeconfig is an absolute path. Empty means that of KUBECONFIG or
	// ~/.kube/config, or else the cluster that Lifeboat itself runs in.
	Kubeconfig string `yaml:"kubeconfig,omitempty" json:"kubeconfig,omitempty"`
	// Context is one of the kubeconfig; empty means its current one.
	Context string `yaml:"context,omitempty" json:"context,omitempty"`
}

// Problem says in a few words what is wrong with the setting that it names;
// both are empty when nothing is.
func (c Config) Problem() (setting, text string) {
	if c.Kubeconfig != "" && !filepath.IsAbs(c.Kubeconfig) {
		return "kubeconfig", "kubeconfig must be an absolute path"
	}
	return "", ""
}

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
func Connect(c Config) (*Client, error) {
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
