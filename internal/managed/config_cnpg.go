package managed

import (
	"net"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// KindCNPG is CloudNativePG, an operator on a Kubernetes cluster.
const KindCNPG = "cnpg"

// CNPG are the settings of kind cnpg. Instance is the name of the source's Cluster.
type CNPG struct {
	cluster.Config `yaml:",inline"`
	// Namespace is that of the source's Cluster.
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"`
	// ObjectStore is the one in that namespace to restore from, such as one whose
	// key can only read; empty means the one that the source archives to.
	ObjectStore string `yaml:"objectStore,omitempty" json:"objectStore,omitempty"`
	// ServerName is the folder of the source in the store; empty means the one
	// that the source archives to.
	ServerName string `yaml:"serverName,omitempty" json:"serverName,omitempty"`
	// EnvironmentNamespace is one that is there already, and that the copies are
	// made in. Empty means a namespace for each copy, named as the instance.
	EnvironmentNamespace string `yaml:"environmentNamespace,omitempty" json:"environmentNamespace,omitempty"`

	// Service is the type of a further Service of each copy, NodePort or
	// LoadBalancer, for a Lifeboat that does not run in the cluster; empty for none.
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	// Address is how this host reaches a copy, HOST:PORT, in which {name} is the
	// copy's Cluster, {namespace} its namespace, and {port} the port of a node.
	// Empty means {name}-rw.{namespace}.svc:5432, or what a load balancer was given.
	Address string `yaml:"address,omitempty" json:"address,omitempty"`
	// Credentials says who connects to a copy: url (or empty) for the user and
	// the password of the URL, app for the owner of the application's database,
	// superuser for postgres; the latter two with the password in the copy's Secret.
	Credentials string `yaml:"credentials,omitempty" json:"credentials,omitempty"`

	// StorageClass of a copy's volumes; empty means that of the source.
	StorageClass string `yaml:"storageClass,omitempty" json:"storageClass,omitempty"`
	// StorageSize of a copy's data volume, no less than the source's; empty means that.
	StorageSize string `yaml:"storageSize,omitempty" json:"storageSize,omitempty"`
	// Resources are the requests and limits of a copy's containers, such as
	// {requests: {memory: 2Gi}}; empty means those of the source.
	Resources map[string]map[string]string `yaml:"resources,omitempty" json:"resources,omitempty"`
	// Instances of a copy; zero means one.
	Instances int `yaml:"instances,omitempty" json:"instances,omitempty"`
	// EgressCIDRs are what a copy may reach beside DNS and the API server; empty
	// means what the endpoint of its object store says.
	EgressCIDRs []string `yaml:"egressCIDRs,omitempty" json:"egressCIDRs,omitempty"`
}

// The values of Service and of Credentials.
const (
	ServiceNodePort      = "NodePort"
	ServiceLoadBalancer  = "LoadBalancer"
	CredentialsURL       = "url"
	CredentialsApp       = "app"
	CredentialsSuperuser = "superuser"
)

func (c CNPG) ofCNPG() []field {
	return []field{
		{"kubeconfig", c.Kubeconfig != ""}, {"context", c.Context != ""}, {"namespace", c.Namespace != ""},
		{"objectStore", c.ObjectStore != ""}, {"serverName", c.ServerName != ""},
		{"environmentNamespace", c.EnvironmentNamespace != ""}, {"service", c.Service != ""}, {"address", c.Address != ""},
		{"credentials", c.Credentials != ""}, {"storageClass", c.StorageClass != ""}, {"storageSize", c.StorageSize != ""},
		{"resources", len(c.Resources) > 0}, {"instances", c.Instances != 0}, {"egressCIDRs", len(c.EgressCIDRs) > 0},
	}
}

func (c CNPG) problems() []Problem {
	var wrong []Problem
	refuse := func(bad bool, setting, text string) {
		if bad {
			wrong = append(wrong, Problem{setting, text})
		}
	}
	if setting, text := c.Problem(); setting != "" {
		wrong = append(wrong, Problem{setting, text})
	}
	refuse(c.Namespace == "", "namespace", "namespace is missing: the one of the source's Cluster")
	refuse(c.EnvironmentNamespace != "" && c.EnvironmentNamespace == c.Namespace,
		"environmentNamespace", "environmentNamespace must be another than the source's own: copies are made there, and removed")
	refuse(c.Service != "" && c.Service != ServiceNodePort && c.Service != ServiceLoadBalancer,
		"service", "service must be "+ServiceNodePort+" or "+ServiceLoadBalancer)
	refuse(c.Service == ServiceNodePort && !strings.HasSuffix(c.Address, ":{port}"),
		"address", "address must be like NODE:{port} with service "+ServiceNodePort)
	refuse(c.Service != ServiceNodePort && strings.Contains(c.Address, "{port}"), "address", "{port} in address needs service "+ServiceNodePort)
	refuse(c.Address != "" && !isAddress(c.Address), "address", "address must be like HOST:PORT")
	switch c.Credentials {
	case "", CredentialsURL, CredentialsApp, CredentialsSuperuser:
	default:
		refuse(true, "credentials", "credentials must be "+CredentialsURL+", "+CredentialsApp+" or "+CredentialsSuperuser)
	}
	refuse(c.StorageSize != "" && !isQuantity(c.StorageSize), "storageSize", "storageSize must be like 20Gi")
	for kind, amounts := range c.Resources {
		refuse(kind != "requests" && kind != "limits", "resources", "resources may have requests and limits only")
		for _, amount := range amounts {
			refuse(!isQuantity(amount), "resources", "resources must be like {requests: {memory: 2Gi}}")
		}
	}
	refuse(c.Instances < 0, "instances", "instances can't be negative")
	for _, cidr := range c.EgressCIDRs {
		_, err := netip.ParsePrefix(cidr)
		refuse(err != nil, "egressCIDRs", "egressCIDRs must be like 10.0.0.0/8")
	}
	return wrong
}

func isQuantity(text string) bool {
	q, err := resource.ParseQuantity(text)
	return err == nil && q.Sign() > 0
}

func isAddress(template string) bool {
	host, port, err := net.SplitHostPort(template)
	return err == nil && host != "" && port != ""
}
