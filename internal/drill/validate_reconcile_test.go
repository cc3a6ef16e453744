package drill

import (
	"strings"
	"testing"
)

const (
	someHash    = "0x00000000000000000000000000000000000000000000000000000000000000aF"
	someAddress = "0x00000000000000000000000000000000000000aF"
	someLogs    = "SELECT b, i, t FROM logs WHERE contract = $1 AND b BETWEEN $2 AND $3"
)

func queryOf(change func(*Reconcile)) Reconcile {
	r := Reconcile{
		Kind: ReconcileQuery, Surface: "main", Query: "SELECT 1", With: &Side{Surface: "redis", Query: "GET a"},
	}
	change(&r)
	return r
}

func objectsOf(change func(*Reconcile)) Reconcile {
	r := Reconcile{Kind: ReconcileObjects, Surface: "main", Query: "SELECT key, version FROM files", Store: "primary"}
	change(&r)
	return r
}

func chainOf(change func(*Chain)) Reconcile {
	c := &Chain{
		URL: "https://user:HIDDEN@node.example/HIDDEN", ChainID: "1", Genesis: someHash, Height: "SELECT max(number) FROM blocks",
		Hashes:    "SELECT number, hash FROM blocks WHERE number = ANY($1)",
		Contracts: []Contract{{Address: someAddress, Logs: someLogs}}, Nonces: "SELECT a, n FROM accounts", NonceAhead: Fail,
	}
	change(c)
	return Reconcile{Kind: ReconcileChain, Surface: "main", Chain: c}
}

func helmOf(change func(*Helm)) Reconcile {
	h := &Helm{Files: []string{"values.yaml", "env/live.yaml"}, Release: "api", Namespace: "{{shop.namespace}}"}
	change(h)
	return Reconcile{Kind: ReconcileHelm, Surface: "configuration", Helm: h}
}

func telemetryOf(change func(*Reconcile)) Reconcile {
	r := Reconcile{Kind: ReconcileTelemetry, Surface: "metrics", Query: "up", Window: Duration(day), Expect: "> 0"}
	change(&r)
	return r
}

func TestReconcileWithoutProblems(t *testing.T) {
	t.Parallel()
	for _, r := range []Reconcile{
		{Kind: ReconcileFingerprint, Surface: "main"},
		queryOf(func(r *Reconcile) { r.Timeout, r.Optional, r.Name = Duration(day), true, "name" }),
		objectsOf(func(*Reconcile) {}),
		chainOf(func(*Chain) {}),
		helmOf(func(h *Helm) { h.Kubeconfig, h.Context, h.Ignore = "{{shop.kubeconfig}}", "dr", []string{"image.tag"} }),
		telemetryOf(func(r *Reconcile) { r.Expect = "" }),
		chainOf(func(c *Chain) { *c = Chain{URL: "http://127.0.0.1:8545", ChainID: "31337", Height: "SELECT 1"} }),
	} {
		if problems := r.Problems(); len(problems) > 0 {
			t.Errorf("%s: %q", r.Kind, problems)
		}
	}
}

func TestReconcileProblems(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Reconcile{
		"kind must be one of fingerprint, query, objects, chain": {Kind: "quer", Surface: "main"},
		"surface must be set for kind fingerprint":               {Kind: ReconcileFingerprint},
		"query means nothing for kind fingerprint":               {Kind: ReconcileFingerprint, Surface: "main", Query: "SELECT 1"},
		"query must be set for kind query":                       queryOf(func(r *Reconcile) { r.Query = "" }),
		"with must be set for kind query":                        queryOf(func(r *Reconcile) { r.With = nil }),
		"with.surface must be set":                               queryOf(func(r *Reconcile) { r.With.Surface = "" }),
		"with.query must be set":                                 queryOf(func(r *Reconcile) { r.With.Query = " \n" }),
		"store means nothing for kind query":                     queryOf(func(r *Reconcile) { r.Store = "primary" }),
		"timeout must not be below 0":                            queryOf(func(r *Reconcile) { r.Timeout = -1 }),
		"store must be set for kind objects":                     objectsOf(func(r *Reconcile) { r.Store = "" }),
		"with means nothing for kind objects":                    objectsOf(func(r *Reconcile) { r.With = &Side{"a", "b"} }),
		"chain means nothing for kind objects":                   objectsOf(func(r *Reconcile) { r.Chain = chainOf(func(*Chain) {}).Chain }),
		"chain must be set for kind chain":                       {Kind: ReconcileChain, Surface: "main"},
		"helm must be set for kind helm":                         {Kind: ReconcileHelm, Surface: "main"},
		"helm means nothing for kind query":                      queryOf(func(r *Reconcile) { r.Helm = helmOf(func(*Helm) {}).Helm }),
		"helm.files must be set":                                 helmOf(func(h *Helm) { h.Files = nil }),
		`helm.files: "/values.yaml" must be relative`:            helmOf(func(h *Helm) { h.Files = []string{"/values.yaml"} }),
		`helm.files: "../values.yaml" must be relative`:          helmOf(func(h *Helm) { h.Files = []string{"../values.yaml"} }),
		`helm.files: "a" is listed before`:                       helmOf(func(h *Helm) { h.Files = []string{"a", "b", "a"} }),
		"helm.release must be set":                               helmOf(func(h *Helm) { h.Release = "" }),
		`helm.release "a,b=c" must be the name`:                  helmOf(func(h *Helm) { h.Release = "a,b=c" }),
		"helm.kubeconfig must be an absolute path":               helmOf(func(h *Helm) { h.Kubeconfig = "config" }),
		"helm.ignore must name values":                           helmOf(func(h *Helm) { h.Ignore = []string{"a", " "} }),
		"window must be set for kind telemetry":                  telemetryOf(func(r *Reconcile) { r.Window = 0 }),
		"query must be set for kind telemetry":                   telemetryOf(func(r *Reconcile) { r.Query = "" }),
		"window must not be below 0":                             telemetryOf(func(r *Reconcile) { r.Window = -1 }),
		"expect is wrong: the operator > needs a value":          telemetryOf(func(r *Reconcile) { r.Expect = ">" }),
		"window means nothing for kind query":                    queryOf(func(r *Reconcile) { r.Window = 1 }),
		"expect means nothing for kind query":                    queryOf(func(r *Reconcile) { r.Expect = "1" }),
		"chain.url must be like https://":                        chainOf(func(c *Chain) { c.URL = "wss://HIDDEN" }),
		"chain.url must be like https://HOST":                    chainOf(func(c *Chain) { c.URL = "https://HIDDEN:%zz" }),
		`chain.chainId "0x1" must be a number in decimal`:        chainOf(func(c *Chain) { c.ChainID = "0x1" }),
		`chain.genesis "0xab" must be a block hash`:              chainOf(func(c *Chain) { c.Genesis = "0xab" }),
		"chain.depth must not be below 0":                        chainOf(func(c *Chain) { c.Depth = -1 }),
		"chain.maxBehind must not be below 0":                    chainOf(func(c *Chain) { c.MaxBehind = -1 }),
		"chain.height must be set":                               chainOf(func(c *Chain) { c.Height = "" }),
		"chain.hashes must use its parameters $1, and":           chainOf(func(c *Chain) { c.Hashes = "SELECT number, hash FROM blocks" }),
		`chain.nonceAhead "stop" must be warn or fail`:           chainOf(func(c *Chain) { c.NonceAhead = "stop" }),
		"chain.nonces must be set where chain.nonceAhead is":     chainOf(func(c *Chain) { c.Nonces = "" }),
		`chain.contracts[0].address "me" must be an address`:     chainOf(func(c *Chain) { c.Contracts[0].Address = "me" }),
		"chain.contracts[0].from must not be below 0":            chainOf(func(c *Chain) { c.Contracts[0].From = -1 }),
		"chain.contracts[0].logs must be set":                    chainOf(func(c *Chain) { c.Contracts[0].Logs = "" }),
		"chain.contracts[0].logs must use its parameters $1, $2, $3, and does not use $3": chainOf(func(c *Chain) {
			c.Contracts[0].Logs = "SELECT b, i, t FROM logs WHERE contract = $1 AND b = $2"
		}),
		`chain.contracts[1].address "0x00000000000000000000000000000000000000Af" is listed before`: chainOf(func(c *Chain) {
			c.Contracts = append(c.Contracts, Contract{Address: "0x00000000000000000000000000000000000000Af", Logs: someLogs})
		}),
	} {
		problems := r.Problems()
		if len(problems) != 1 || !strings.HasPrefix(problems[0], want) || strings.Contains(problems[0], "HIDDEN") {
			t.Errorf("want %s\n got %q", want, problems)
		}
	}
}
