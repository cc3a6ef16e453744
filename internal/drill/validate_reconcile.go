package drill

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Problems says what is wrong with a reconciliation as it is written, as far as
// that can be seen without the rest of the plan: each in a sentence that begins
// with the field's name in YAML. It shows no URL.
func (r Reconcile) Problems() []string {
	var p problems
	if !slices.Contains(ReconcileKinds, r.Kind) {
		p.add("kind must be one of %s", strings.Join(ReconcileKinds, ", "))
		return p
	}
	for _, field := range []struct {
		name  string
		set   bool
		kinds []string
	}{
		{"surface", r.Surface != "", ReconcileKinds},
		{"query", r.Query != "", []string{ReconcileQuery, ReconcileObjects, ReconcileTelemetry}},
		{"with", r.With != nil, []string{ReconcileQuery}},
		{"store", r.Store != "", []string{ReconcileObjects}},
		{"chain", r.Chain != nil, []string{ReconcileChain}},
		{"helm", r.Helm != nil, []string{ReconcileHelm}},
		{"window", r.Window != 0, []string{ReconcileTelemetry}},
	} {
		switch belongs := slices.Contains(field.kinds, r.Kind); {
		case belongs && !field.set:
			p.add("%s must be set for kind %s", field.name, r.Kind)
		case !belongs && field.set:
			p.add("%s means nothing for kind %s", field.name, r.Kind)
		}
	}
	if r.With != nil {
		p.need("with.surface", r.With.Surface)
		p.need("with.query", r.With.Query)
	}
	if r.Timeout < 0 {
		p.add("timeout must not be below 0")
	}
	if r.Window < 0 {
		p.add("window must not be below 0")
	}
	if r.Expect != "" && r.Kind != ReconcileTelemetry {
		p.add("expect means nothing for kind %s", r.Kind)
	} else if _, err := ParseExpectation(r.Expect); err != nil {
		p.add("expect is wrong: %v", err)
	}
	if r.Chain != nil {
		r.Chain.problems(&p)
	}
	if r.Helm != nil {
		r.Helm.problems(&p)
	}
	return p
}

// problems are sentences.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func (p *problems) need(field, value string) {
	if strings.TrimSpace(value) == "" {
		p.add("%s must be set", field)
	}
}

func (c *Chain) problems(p *problems) {
	// What is wrong with it is not quoted: nodes have their keys in their URLs.
	if u, err := url.Parse(c.URL.Reveal()); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		p.add("chain.url must be like https://HOST:PORT/PATH, the URL of a node's JSON-RPC")
	}
	if id, err := strconv.ParseUint(c.ChainID, 10, 64); err != nil || id == 0 {
		p.add("chain.chainId %q must be a number in decimal, as EIP-155 has it", c.ChainID)
	}
	if c.Genesis != "" && !hexBytes(c.Genesis, 32) {
		p.add("chain.genesis %q must be a block hash: 0x and 64 hexadecimal digits", c.Genesis)
	}
	if c.Depth < 0 {
		p.add("chain.depth must not be below 0")
	}
	if c.MaxBehind < 0 {
		p.add("chain.maxBehind must not be below 0")
	}
	p.need("chain.height", c.Height)
	if c.Hashes != "" {
		p.parameters("chain.hashes", c.Hashes, "$1")
	}
	for i, contract := range c.Contracts {
		at := fmt.Sprintf("chain.contracts[%d]", i)
		contract.problems(p, at)
		if slices.ContainsFunc(c.Contracts[:i], func(o Contract) bool { return strings.EqualFold(o.Address, contract.Address) }) {
			p.add("%s.address %q is listed before: list a contract once", at, contract.Address)
		}
	}
	if !slices.Contains([]string{"", Warn, Fail}, c.NonceAhead) {
		p.add("chain.nonceAhead %q must be warn or fail", c.NonceAhead)
	}
	if c.NonceAhead != "" && c.Nonces == "" {
		p.add("chain.nonces must be set where chain.nonceAhead is")
	}
}

func (c Contract) problems(p *problems, at string) {
	if !hexBytes(c.Address, 20) {
		p.add("%s.address %q must be an address: 0x and 40 hexadecimal digits", at, c.Address)
	}
	if c.From < 0 {
		p.add("%s.from must not be below 0", at)
	}
	if strings.TrimSpace(c.Logs) == "" {
		p.add("%s.logs must be set", at)
		return
	}
	p.parameters(at+".logs", c.Logs, "$1", "$2", "$3")
}

// parameters wants a query to use what it is given: PostgreSQL refuses one that
// does not.
func (p *problems) parameters(field, query string, names ...string) {
	for _, name := range names {
		if !strings.Contains(query, name) {
			p.add("%s must use its parameters %s, and does not use %s", field, strings.Join(names, ", "), name)
			return
		}
	}
}

// hexBytes reports whether a text is 0x and so many bytes in hexadecimal.
func hexBytes(text string, size int) bool {
	digits, ok := strings.CutPrefix(text, "0x")
	return ok && len(digits) == 2*size && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}
