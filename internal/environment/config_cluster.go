package environment

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// Cluster says where isolated namespaces are made, and what they are allowed.
type Cluster struct {
	cluster.Config `yaml:",inline"`
	// Prefix begins the name of every namespace that is made; default
	// "lifeboat-". Two installations on one cluster need different ones.
	Prefix string `yaml:"prefix,omitempty" json:"prefix,omitempty"`
	// Quota is what the ResourceQuota of each namespace allows, by the names
	// that Kubernetes has for it (pods, requests.cpu); it is added to
	// pods: 100 and persistentvolumeclaims: 50. Services that are reached from
	// outside the cluster are never allowed.
	Quota map[string]string `yaml:"quota,omitempty" json:"quota,omitempty"`
	// AllowEgress are networks in CIDR notation that the copies may reach,
	// beside each other and the cluster's DNS; empty for none.
	AllowEgress []string `yaml:"allowEgress,omitempty" json:"allowEgress,omitempty"`
	// IngressDomain is the domain of the hosts that Ingresses get; default drill.invalid.
	IngressDomain string `yaml:"ingressDomain,omitempty" json:"ingressDomain,omitempty"`
	// StorageClasses are those that claims get, by the names that points have.
	StorageClasses map[string]string `yaml:"storageClasses,omitempty" json:"storageClasses,omitempty"`
	// CustomResources are the types of custom resources, as PLURAL.GROUP, that
	// copies have though the cluster had the types before: whatever acts there on
	// live ones acts on the copies, too. "*" is for all of them. What belongs to
	// types that the point itself brings needs no leave.
	CustomResources []string `yaml:"customResources,omitempty" json:"customResources,omitempty"`
	// Labels are put on every namespace, over those that Lifeboat puts there
	// itself: pod-security.kubernetes.io/enforce: privileged, for one, lets in
	// pods that pod security's level baseline keeps out.
	Labels map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
}

// Problem is one thing that is wrong with a setting.
type Problem struct {
	// Setting is its name, as the file has it.
	Setting string
	// Text says what is wrong, naming the setting.
	Text string
}

const (
	// EveryCustom stands for all types of custom resources.
	EveryCustom = "*"
	// LongestPrefix leaves room in a name for what tells namespaces apart.
	LongestPrefix = 20

	defaultPrefix        = "lifeboat-"
	defaultIngressDomain = "drill.invalid"
)

var (
	validPrefix = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?-$`)
	validQuota  = regexp.MustCompile(`^[a-z0-9./_-]+$`)
)

// defaultQuota bounds what a copy that runs wild takes from the cluster.
var defaultQuota = map[string]string{"pods": "100", "persistentvolumeclaims": "50"}

// published are the services that are reached from outside the cluster, by the
// names that quotas have for them.
var published = []string{"services.loadbalancers", "services.nodeports"}

// Allowed is what the ResourceQuota of each namespace allows.
func (c Cluster) Allowed() map[string]string {
	out := maps.Clone(defaultQuota)
	maps.Copy(out, c.Quota)
	for _, name := range published {
		out[name] = "0"
	}
	return out
}

// WithDefaults is the configuration with every default written out.
func (c Cluster) WithDefaults() Cluster {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.IngressDomain == "" {
		c.IngressDomain = defaultIngressDomain
	}
	return c
}

// Problems lists everything that is wrong with the settings.
func (c Cluster) Problems() []Problem {
	var wrong []Problem
	say := func(setting, format string, args ...any) {
		wrong = append(wrong, Problem{setting, fmt.Sprintf(format, args...)})
	}
	if setting, text := c.Problem(); text != "" {
		say(setting, "%s", text)
	}
	if c.Prefix != "" && (len(c.Prefix) > LongestPrefix || !validPrefix.MatchString(c.Prefix)) {
		say("prefix", "prefix must be of at most %d lower-case letters, digits and dashes, beginning with a letter and ending with a dash", LongestPrefix)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Quota)) {
		switch q, err := resource.ParseQuantity(c.Quota[name]); {
		case slices.Contains(published, name):
			say("quota."+name, "quota must not name %s: isolated namespaces have none", name)
		case !validQuota.MatchString(name):
			say("quota", "quota names %q, which is no resource of Kubernetes", name)
		case err != nil || q.Sign() < 0:
			say("quota."+name, "quota.%s must be a quantity like 20 or 4Gi", name)
		}
	}
	for n, text := range c.AllowEgress {
		setting := fmt.Sprintf("allowEgress[%d]", n)
		switch network, err := netip.ParsePrefix(text); {
		case err != nil || network != network.Masked():
			say(setting, "allowEgress must name networks like 10.1.0.0/16 or 10.1.2.3/32")
		case network.Bits() == 0:
			say(setting, "allowEgress must not name %s: the copies could reach everything live", text)
		}
	}
	if c.IngressDomain != "" && len(validation.IsDNS1123Subdomain(c.IngressDomain)) > 0 {
		say("ingressDomain", "ingressDomain must be a domain like drill.example.com")
	}
	for _, from := range slices.Sorted(maps.Keys(c.StorageClasses)) {
		if to := c.StorageClasses[from]; from == "" || strings.Contains(from, ":") || len(validation.IsDNS1123Subdomain(to)) > 0 {
			say("storageClasses", "storageClasses must name a storage class for another one, not %q for %q", to, from)
		}
	}
	for n, of := range c.CustomResources {
		if of != EveryCustom && (!strings.Contains(of, ".") || len(validation.IsDNS1123Subdomain(of)) > 0) {
			say(fmt.Sprintf("customResources[%d]", n), `customResources must name types like certificates.cert-manager.io, or "*" for all`)
		}
	}
	c.labelProblems(say)
	return wrong
}

func (c Cluster) labelProblems(say func(setting, format string, args ...any)) {
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		switch value := c.Labels[name]; {
		case name == cluster.LabelEnvironment:
			say("labels", "labels must not name %s, which says what belongs to an environment", name)
		case len(validation.IsQualifiedName(name)) > 0:
			say("labels", "labels name %q, which is no name of a label", name)
		case len(validation.IsValidLabelValue(value)) > 0:
			say("labels", "labels give %s the value %q, which is none of a label", name, value)
		}
	}
}
