package managed

import (
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// The kinds of Config.
const (
	KindRDS   = "rds"
	KindAzure = "azure-flexible"
)

// Config says who runs a surface's point-in-time recovery.
type Config struct {
	// Kind is rds (Amazon RDS for PostgreSQL), azure-flexible (Azure Database for
	// PostgreSQL, flexible server) or cnpg (CloudNativePG on Kubernetes).
	Kind string `yaml:"kind" json:"kind"`
	// Instance is the name of the source: RDS's DB instance identifier, the Azure
	// server, or CloudNativePG's Cluster.
	Instance string `yaml:"instance" json:"instance"`
	// URL has the user, the password, the database and the settings of
	// connections to a restored instance. Its host matters to kind cnpg alone,
	// which asks the source there for what it has archived. Empty means the
	// surface's own URL.
	URL secret.String `yaml:"url,omitempty" json:"url,omitempty"`

	// Region of kind rds; empty means the one of this host's AWS configuration.
	Region string `yaml:"region,omitempty" json:"region,omitempty"`
	// SubnetGroup, SecurityGroups (their IDs) and ParameterGroup of kind rds
	// place a restored instance; empty means those of the source. AWS itself
	// would take the account's defaults.
	SubnetGroup    string   `yaml:"subnetGroup,omitempty" json:"subnetGroup,omitempty"`
	SecurityGroups []string `yaml:"securityGroups,omitempty" json:"securityGroups,omitempty"`
	ParameterGroup string   `yaml:"parameterGroup,omitempty" json:"parameterGroup,omitempty"`
	// InstanceClass of kind rds, like db.m7g.large; empty means that of the source.
	InstanceClass string `yaml:"instanceClass,omitempty" json:"instanceClass,omitempty"`
	// AccessKeyID and SecretAccessKey of kind rds; both empty means the SDK's
	// own chain (environment, profile, role of the host).
	AccessKeyID     string        `yaml:"accessKeyId,omitempty" json:"accessKeyId,omitempty"`
	SecretAccessKey secret.String `yaml:"secretAccessKey,omitempty" json:"secretAccessKey,omitempty"`

	// Subscription (its ID) and ResourceGroup of kind azure-flexible hold the
	// source; restored servers are made in the same ones.
	Subscription  string `yaml:"subscription,omitempty" json:"subscription,omitempty"`
	ResourceGroup string `yaml:"resourceGroup,omitempty" json:"resourceGroup,omitempty"`
	// Subnet and PrivateDNSZone (resource IDs) of kind azure-flexible place a
	// restored server of a source with private access; empty means those of the source.
	Subnet         string `yaml:"subnet,omitempty" json:"subnet,omitempty"`
	PrivateDNSZone string `yaml:"privateDnsZone,omitempty" json:"privateDnsZone,omitempty"`
	// TenantID, ClientID and ClientSecret of kind azure-flexible; all empty
	// means the SDK's own chain (environment, workload or managed identity, az).
	TenantID     string        `yaml:"tenantId,omitempty" json:"tenantId,omitempty"`
	ClientID     string        `yaml:"clientId,omitempty" json:"clientId,omitempty"`
	ClientSecret secret.String `yaml:"clientSecret,omitempty" json:"clientSecret,omitempty"`
	// Authority is the URL of the service that gives the tokens of kind
	// azure-flexible; empty means the public cloud's.
	Authority string `yaml:"authority,omitempty" json:"authority,omitempty"`

	// Endpoint is the base URL of the provider's API; empty means the public one.
	Endpoint string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"`
	// CAFile is a PEM file with further certificate authorities to trust for it.
	CAFile string `yaml:"caFile,omitempty" json:"caFile,omitempty"`

	CNPG `yaml:",inline"`
}

// Problem is one thing that is wrong with a Config.
type Problem struct {
	// Setting is the name of the one that it is about, as the file has it.
	Setting string
	// Text says what is wrong, naming settings; it repeats no secret.
	Text string
}

// Validate reports everything that is wrong as one fault.Invalid, in one line.
func (c Config) Validate() error {
	var wrong []string
	for _, problem := range c.Problems() {
		wrong = append(wrong, problem.Text)
	}
	if len(wrong) > 0 {
		return fault.New(fault.Invalid, "%s", strings.Join(wrong, "; "))
	}
	return nil
}

// Problems lists everything that is wrong.
func (c Config) Problems() []Problem {
	var wrong []Problem
	if c.Instance == "" {
		wrong = append(wrong, Problem{"instance", "instance is missing: the name of the source at its provider"})
	}
	switch c.Kind {
	case KindRDS:
		wrong = append(wrong, together(c.awsKeys())...)
		wrong = append(wrong, foreign(c.Kind, c.ofAzure(), c.ofCNPG())...)
		wrong = append(wrong, checkURL("endpoint", c.Endpoint, "http", "https")...)
	case KindAzure:
		for _, f := range c.azureHome() {
			if !f.set {
				wrong = append(wrong, Problem{f.name, f.name + " is missing"})
			}
		}
		wrong = append(wrong, together(c.azureKeys())...)
		wrong = append(wrong, foreign(c.Kind, c.ofAWS(), c.ofCNPG())...)
		// Tokens are never sent in the clear.
		wrong = append(wrong, checkURL("endpoint", c.Endpoint, "https")...)
		wrong = append(wrong, checkURL("authority", c.Authority, "https")...)
	case KindCNPG:
		wrong = append(wrong, c.problems()...)
		wrong = append(wrong, foreign(c.Kind, c.ofAWS(), c.ofAzure(), []field{{"endpoint", c.Endpoint != ""}, {"caFile", c.CAFile != ""}})...)
	default:
		wrong = append(wrong, Problem{"kind", "kind must be " + KindRDS + ", " + KindAzure + " or " + KindCNPG})
	}
	if c.URL != "" {
		if _, err := parse(c.URL); err != nil {
			wrong = append(wrong, Problem{"url", "url must be like postgres://USER:PASSWORD@HOST/DATABASE"})
		}
	}
	return wrong
}

// field is one setting of a Config: its name in the file, and whether it is set.
type field struct {
	name string
	set  bool
}

func (c Config) awsKeys() []field {
	return []field{{"accessKeyId", c.AccessKeyID != ""}, {"secretAccessKey", c.SecretAccessKey != ""}}
}

func (c Config) ofAWS() []field {
	return append([]field{
		{"region", c.Region != ""}, {"subnetGroup", c.SubnetGroup != ""}, {"securityGroups", len(c.SecurityGroups) > 0},
		{"parameterGroup", c.ParameterGroup != ""}, {"instanceClass", c.InstanceClass != ""},
	}, c.awsKeys()...)
}

func (c Config) azureHome() []field {
	return []field{{"subscription", c.Subscription != ""}, {"resourceGroup", c.ResourceGroup != ""}}
}

func (c Config) azureKeys() []field {
	return []field{{"tenantId", c.TenantID != ""}, {"clientId", c.ClientID != ""}, {"clientSecret", c.ClientSecret != ""}}
}

func (c Config) ofAzure() []field {
	return slices.Concat(c.azureHome(), c.azureKeys(), []field{
		{"subnet", c.Subnet != ""}, {"privateDnsZone", c.PrivateDNSZone != ""}, {"authority", c.Authority != ""},
	})
}

// together finds what is missing of settings that are set all or not at all.
func together(fields []field) []Problem {
	var missing, names []string
	for _, f := range fields {
		names = append(names, f.name)
		if !f.set {
			missing = append(missing, f.name)
		}
	}
	if len(missing) == 0 || len(missing) == len(fields) {
		return nil
	}
	return []Problem{{missing[0], strings.Join(names, ", ") + " go together: " + strings.Join(missing, ", ") + " is missing"}}
}

// foreign finds settings of other kinds.
func foreign(kind string, fields ...[]field) []Problem {
	var wrong []Problem
	for _, f := range slices.Concat(fields...) {
		if f.set {
			wrong = append(wrong, Problem{f.name, f.name + " is no setting of kind " + kind})
		}
	}
	return wrong
}

func checkURL(name, value string, schemes ...string) []Problem {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err == nil && u.Host != "" && u.User == nil && slices.Contains(schemes, u.Scheme) {
		return nil
	}
	return []Problem{{name, name + " must be like " + schemes[len(schemes)-1] + "://HOST, without credentials"}}
}
