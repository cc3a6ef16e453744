package drill

import "github.com/lifeboat-dr/lifeboat/internal/secret"

// The kinds of checks.
const (
	CheckTCP        = "tcp"
	CheckHTTP       = "http"
	CheckTLS        = "tls"
	CheckSQL        = "sql"
	CheckRedis      = "redis"
	CheckGRPC       = "grpc"
	CheckKubernetes = "kubernetes"
	CheckCommand    = "command"
)

// CheckKinds lists every kind of check.
var CheckKinds = []string{CheckTCP, CheckHTTP, CheckTLS, CheckSQL, CheckRedis, CheckGRPC, CheckKubernetes, CheckCommand}

// Check is one thing that must hold of the restored system. Texts may hold
// placeholders of what was restored, and {{drill.id}}:
//   - of a server, here the surface main: {{main.url}}, {{main.host}},
//     {{main.port}}, {{main.address}}, {{main.user}}, {{main.password}} and
//     {{main.database}};
//   - of namespaces on a cluster: {{main.kubeconfig}}, {{main.context}},
//     {{main.namespace.OLD}} for the copy of the namespace OLD, and
//     {{main.namespace}} where there is one copy alone;
//   - of files: {{main.path}}, the folder that they are in.
//
// Each has {{main.url}}. The names of surfaces may hold dots: of several that
// a placeholder could begin with, the longest is meant.
type Check struct {
	// Name is unique in the plan; default the kind with its number.
	Name string `yaml:"name" json:"name"`
	// Kind is one of CheckKinds.
	Kind string `yaml:"kind" json:"kind"`
	// Surface is the restored one that is asked (sql, redis; for tcp in place of
	// Address; for kubernetes in place of Kubeconfig and Context: then Namespace,
	// and the NAME of a namespace/NAME, are those that the point has, and the
	// copies are asked).
	Surface string `yaml:"surface" json:"surface,omitempty"`
	// Address is host:port (tcp, tls, grpc).
	Address string `yaml:"address" json:"address,omitempty"`

	// URL, Method, Headers and Body are the request of an http check; default GET.
	URL     string                   `yaml:"url" json:"url,omitempty"`
	Method  string                   `yaml:"method" json:"method,omitempty"`
	Headers map[string]secret.String `yaml:"headers" json:"headers,omitempty"`
	Body    string                   `yaml:"body" json:"body,omitempty"`
	// Status is the status that must be answered; default any of 200 to 299.
	Status int `yaml:"status" json:"status,omitempty"`
	// ExpectHeaders are headers that must be answered, each with what is expected of it.
	ExpectHeaders map[string]string `yaml:"expectHeaders" json:"expectHeaders,omitempty"`
	// JSONPath takes a value out of a JSON body (RFC 9535), which Expect is then about.
	JSONPath string `yaml:"jsonPath" json:"jsonPath,omitempty"`

	// Query is one SQL statement.
	Query string `yaml:"query" json:"query,omitempty"`
	// Database overrides the surface's own (sql), or is its number (redis).
	Database string `yaml:"database" json:"database,omitempty"`
	// Rows is expected of the number of rows.
	Rows string `yaml:"rows" json:"rows,omitempty"`

	// Command is a Redis command word by word, or a program with its arguments.
	Command []string `yaml:"command" json:"command,omitempty"`
	// Env are variables of a program, besides PATH, HOME, LANG and the drill's ID.
	Env map[string]secret.String `yaml:"env" json:"env,omitempty"`
	// ExitCode is what a program must end with.
	ExitCode int `yaml:"exitCode" json:"exitCode,omitempty"`

	// Expect is about the first value (sql), the answer (redis), the body or
	// the value at JSONPath (http), or the standard output (command): a text
	// that must be equal, or one after an operator: =, !=, <, <=, >, >=,
	// ~ (matches the regular expression), *= (contains). Numbers compare as numbers.
	Expect string `yaml:"expect" json:"expect,omitempty"`

	// Service is asked for by gRPC's health protocol; empty means the server as a whole.
	Service string `yaml:"service" json:"service,omitempty"`
	// TLS is set for gRPC over TLS.
	TLS bool `yaml:"tls" json:"tls,omitempty"`
	// ServerName and CAFile qualify TLS connections of any kind of check.
	ServerName string `yaml:"serverName" json:"serverName,omitempty"`
	CAFile     string `yaml:"caFile" json:"caFile,omitempty"`
	// MinValid is how long a certificate must still be valid; default 14 days.
	MinValid Duration `yaml:"minValid" json:"minValid,omitempty"`

	// Kubeconfig, Context and Namespace say where Resource is, such as
	// deployment/api: it must be ready. The Resource all is every Deployment,
	// StatefulSet, DaemonSet, Job and PersistentVolumeClaim of the namespace, or,
	// with a Surface and no Namespace, of all its copies: each must be as it asks
	// to be (one that is scaled to zero is), and there must be one.
	Kubeconfig string `yaml:"kubeconfig" json:"kubeconfig,omitempty"`
	Context    string `yaml:"context" json:"context,omitempty"`
	Namespace  string `yaml:"namespace" json:"namespace,omitempty"`
	Resource   string `yaml:"resource" json:"resource,omitempty"`

	// Timeout bounds one attempt; default 10 seconds.
	Timeout Duration `yaml:"timeout" json:"timeout,omitempty"`
	// Retries is how often a failed attempt is repeated; default 5, Interval (default 2 s) apart.
	Retries  *int     `yaml:"retries" json:"retries,omitempty"`
	Interval Duration `yaml:"interval" json:"interval,omitempty"`
	// Optional makes a failure a warning.
	Optional bool `yaml:"optional" json:"optional,omitempty"`
}

// The results of checks, reconciliations and their items.
const (
	Pass = "pass"
	Fail = "fail"
	Warn = "warn"
	// Skipped is of what could not be looked at because something before it failed.
	Skipped = "skipped"
)

// CheckResult is what became of a check.
type CheckResult struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	// Expected and Observed are short texts without secrets.
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	Result   string `json:"result"`
	// Detail says in one line what was wrong.
	Detail   string  `json:"detail,omitempty"`
	Attempts int     `json:"attempts"`
	Seconds  float64 `json:"seconds"`
	// LogDigest is the SHA-256 of everything that was observed, of which
	// Observed is an excerpt; empty when Observed is all.
	LogDigest string `json:"logDigest,omitempty"`
	Optional  bool   `json:"optional,omitempty"`
}

// The kinds of reconciliations.
const (
	// ReconcileFingerprint compares with the fingerprint taken at backup time.
	// Every drill does that for every surface restored from a snapshot, asked or not.
	ReconcileFingerprint = "fingerprint"
	// ReconcileQuery wants a query here to equal a query there.
	ReconcileQuery = "query"
	// ReconcileObjects wants objects that the database names to exist at the version that it names.
	ReconcileObjects = "objects"
	// ReconcileChain compares indexed state with an EVM chain.
	ReconcileChain = "chain"
	// ReconcileHelm compares the values of a Helm release with files in a restored Git repository.
	ReconcileHelm = "helm"
	// ReconcileTelemetry wants restored observability data to answer a query about a window of time.
	ReconcileTelemetry = "telemetry"
	// ReconcileRecovery is what a recovery to a moment looked at by itself; no plan asks for it.
	ReconcileRecovery = "recovery"
)

// ReconcileKinds lists every kind of reconciliation.
var ReconcileKinds = []string{
	ReconcileFingerprint, ReconcileQuery, ReconcileObjects, ReconcileChain, ReconcileHelm, ReconcileTelemetry,
}

// Reconcile is one comparison of restored state with something else.
type Reconcile struct {
	// Name is unique in the plan; default the kind with its number.
	Name string `yaml:"name" json:"name"`
	Kind string `yaml:"kind" json:"kind"`
	// Surface is the restored one that is compared.
	Surface string `yaml:"surface" json:"surface,omitempty"`
	// Query is SQL, or a Redis command in one line: the left side of a query
	// reconciliation; the rows (key, version) of an objects reconciliation,
	// where a version of NULL or an empty text means any. PromQL for telemetry.
	Query string `yaml:"query" json:"query,omitempty"`
	// With is the right side of a query reconciliation.
	With *Side `yaml:"with" json:"with,omitempty"`
	// Store is the configured store in which objects are looked for.
	Store string `yaml:"store" json:"store,omitempty"`
	Chain *Chain `yaml:"chain" json:"chain,omitempty"`
	// Helm is the release of a helm reconciliation, and the files that its values come from.
	Helm *Helm `yaml:"helm" json:"helm,omitempty"`
	// Window is how long before the moment of the recovery point the query of a
	// telemetry reconciliation begins, and Expect what must hold of its newest
	// values, as of those of a check; empty wants any value.
	Window Duration `yaml:"window" json:"window,omitempty"`
	Expect string   `yaml:"expect" json:"expect,omitempty"`
	// Timeout bounds the whole; default 10 minutes.
	Timeout Duration `yaml:"timeout" json:"timeout,omitempty"`
	// Optional makes a failure a warning.
	Optional bool `yaml:"optional" json:"optional,omitempty"`
}

// Side is one side of a query reconciliation: a restored surface and a query.
type Side struct {
	Surface string `yaml:"surface" json:"surface"`
	Query   string `yaml:"query" json:"query"`
}

// Chain says where an EVM chain is and how the restored database is asked what it indexed of it.
type Chain struct {
	// URL is of the node's JSON-RPC, by http or https.
	URL secret.String `yaml:"url" json:"url"`
	// ChainID is EIP-155's, in decimal; Genesis the hash of block 0.
	ChainID string `yaml:"chainId" json:"chainId"`
	Genesis string `yaml:"genesis" json:"genesis,omitempty"`
	// Depth is how many blocks below the head count as final where the node does not say; default 64.
	Depth int `yaml:"depth" json:"depth,omitempty"`
	// MaxBehind is how many blocks the index may be behind the final height; 0 for any number.
	MaxBehind int `yaml:"maxBehind" json:"maxBehind,omitempty"`
	// Height answers one row: the indexed height, and the hash stored for it where there is one.
	Height string `yaml:"height" json:"height"`
	// Hashes answers rows (height, hash) for the heights in $1 (bigint[]), for the search of the first divergent block.
	Hashes    string     `yaml:"hashes" json:"hashes,omitempty"`
	Contracts []Contract `yaml:"contracts" json:"contracts,omitempty"`
	// Balances answers rows (account, contract or NULL for the native coin, value in decimal).
	Balances string `yaml:"balances" json:"balances,omitempty"`
	// Supplies answers rows (contract, value in decimal).
	Supplies string `yaml:"supplies" json:"supplies,omitempty"`
	// Nonces answers rows (account, the nonce that it would use next).
	Nonces string `yaml:"nonces" json:"nonces,omitempty"`
	// NonceAhead is Warn (the default) or Fail: what it is when the chain has seen
	// transactions of an account that the database does not know of.
	NonceAhead string `yaml:"nonceAhead" json:"nonceAhead,omitempty"`
}

// Contract is one whose logs are compared.
type Contract struct {
	Address string `yaml:"address" json:"address"`
	// From is the block that the contract was indexed from.
	From int `yaml:"from" json:"from,omitempty"`
	// Logs answers rows (block number, log index, transaction hash) of the
	// contract $1 (text) in the blocks $2 to $3 (bigint, inclusive), in order.
	Logs string `yaml:"logs" json:"logs"`
}

// Reconciliation is what became of a comparison.
type Reconciliation struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Result  string `json:"result"`
	// Detail says in one line what was wrong, or what to know.
	Detail   string  `json:"detail,omitempty"`
	Items    []Item  `json:"items,omitempty"`
	Seconds  float64 `json:"seconds"`
	Optional bool    `json:"optional,omitempty"`
	// Unreached is set where it could not be made, or not to its end: a server, a
	// store or a node did not answer, or not in time, or let nobody in. Nothing but
	// an item that failed then says that something differs.
	Unreached bool `json:"unreached,omitempty"`
}

// Item is one comparison of a reconciliation. A reconciliation of many equal
// ones lists at most 50, those that failed first, and counts the rest in Detail.
type Item struct {
	Name     string `json:"name"`
	Subject  string `json:"subject,omitempty"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	Result   string `json:"result"`
	Detail   string `json:"detail,omitempty"`
}
