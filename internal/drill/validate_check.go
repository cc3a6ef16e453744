package drill

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// checkKind says which fields a kind of check needs, and which others it may have.
type checkKind struct{ needs, may []string }

var checkKinds = map[string]checkKind{
	CheckTCP:        {nil, []string{"address", "surface"}},
	CheckHTTP:       {[]string{"url"}, []string{"method", "headers", "body", "status", "expectHeaders", "jsonPath", "expect", "serverName", "caFile"}},
	CheckTLS:        {[]string{"address"}, []string{"serverName", "caFile", "minValid"}},
	CheckSQL:        {[]string{"surface", "query"}, []string{"database", "rows", "expect"}},
	CheckRedis:      {[]string{"surface", "command"}, []string{"database", "expect"}},
	CheckGRPC:       {[]string{"address"}, []string{"service", "tls", "serverName", "caFile"}},
	CheckKubernetes: {[]string{"resource"}, []string{"surface", "kubeconfig", "context", "namespace"}},
	CheckCommand:    {[]string{"command"}, []string{"env", "exitCode", "expect"}},
}

// checkFields are the fields that depend on the kind, in the order of messages.
var checkFields = []struct {
	name string
	set  func(Check) bool
}{
	{"surface", func(c Check) bool { return c.Surface != "" }},
	{"address", func(c Check) bool { return c.Address != "" }},
	{"url", func(c Check) bool { return c.URL != "" }},
	{"method", func(c Check) bool { return c.Method != "" }},
	{"headers", func(c Check) bool { return len(c.Headers) > 0 }},
	{"body", func(c Check) bool { return c.Body != "" }},
	{"status", func(c Check) bool { return c.Status != 0 }},
	{"expectHeaders", func(c Check) bool { return len(c.ExpectHeaders) > 0 }},
	{"jsonPath", func(c Check) bool { return c.JSONPath != "" }},
	{"query", func(c Check) bool { return c.Query != "" }},
	{"database", func(c Check) bool { return c.Database != "" }},
	{"rows", func(c Check) bool { return c.Rows != "" }},
	{"command", func(c Check) bool { return len(c.Command) > 0 }},
	{"env", func(c Check) bool { return len(c.Env) > 0 }},
	{"exitCode", func(c Check) bool { return c.ExitCode != 0 }},
	{"expect", func(c Check) bool { return c.Expect != "" }},
	{"service", func(c Check) bool { return c.Service != "" }},
	{"tls", func(c Check) bool { return c.TLS }},
	{"serverName", func(c Check) bool { return c.ServerName != "" }},
	{"caFile", func(c Check) bool { return c.CAFile != "" }},
	{"minValid", func(c Check) bool { return c.MinValid != 0 }},
	{"kubeconfig", func(c Check) bool { return c.Kubeconfig != "" }},
	{"context", func(c Check) bool { return c.Context != "" }},
	{"namespace", func(c Check) bool { return c.Namespace != "" }},
	{"resource", func(c Check) bool { return c.Resource != "" }},
}

// Problems says what is wrong with the check that can be seen in it alone, one
// sentence for each problem, which begins with the name of the field in YAML.
// Texts with placeholders are looked at as they stand, or not at all. Whether a
// JSON path is well-formed is seen when the check is run.
func (c Check) Problems() []string {
	kind, known := checkKinds[c.Kind]
	if !known {
		return []string{fmt.Sprintf("kind %q must be one of %s", c.Kind, strings.Join(CheckKinds, ", "))}
	}
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, field := range checkFields {
		switch set := field.set(c); {
		case slices.Contains(kind.needs, field.name):
			if !set {
				say("%s is missing: kind %s needs it", field.name, c.Kind)
			}
		case set && !slices.Contains(kind.may, field.name):
			say("%s means nothing for kind %s", field.name, c.Kind)
		}
	}
	if c.Retries != nil && *c.Retries < 0 {
		say("retries must be 0 or more")
	}
	// What a kind does not have is not looked into: it was refused as a whole.
	if len(problems) == 0 {
		c.details(say)
	}
	return problems
}

// details says what is wrong within fields that may be there.
func (c Check) details(say func(string, ...any)) {
	c.expectations(say)
	switch c.Kind {
	case CheckTCP:
		if (c.Address == "") == (c.Surface == "") {
			say("address or surface must be set, and not both")
		}
	case CheckHTTP:
		c.request(say)
	case CheckRedis:
		if n, err := strconv.Atoi(c.Database); c.Database != "" && !templated(c.Database) && (err != nil || n < 0) {
			say("database %q must be the number of a Redis database", c.Database)
		}
	case CheckGRPC:
		if !c.TLS && (c.ServerName != "" || c.CAFile != "") {
			say("tls must be true where serverName or caFile is set")
		}
	case CheckKubernetes:
		c.cluster(say)
	case CheckCommand:
		if c.ExitCode < 0 || c.ExitCode > 255 {
			say("exitCode must be from 0 to 255")
		}
		if program := c.Command[0]; strings.Contains(program, "/") && !strings.HasPrefix(program, "/") && !templated(program) {
			say("command must begin with an absolute path, or with a name to look for in PATH, not with %q", program)
		}
	}
	if c.Address != "" && !templated(c.Address) && !hostPort(c.Address) {
		say("address %q must be like host:5432", c.Address)
	}
	if len(c.Command) > 0 && c.Command[0] == "" {
		say("command must not begin with an empty word")
	}
}

func (c Check) cluster(say func(string, ...any)) {
	kind, _, err := ParseResource(c.Resource)
	if err != nil {
		say("resource %v", err)
	} else if c.Namespace != "" && (kind == ResourceNode || kind == ResourceNamespace) {
		say("namespace means nothing for resource %s", c.Resource)
	}
	if c.Surface != "" && c.Kubeconfig != "" {
		say("kubeconfig means nothing where surface is set: it is that of what was restored")
	}
	if c.Surface != "" && c.Context != "" {
		say("context means nothing where surface is set: it is that of what was restored")
	}
}

func (c Check) expectations(say func(string, ...any)) {
	if _, err := ParseExpectation(c.Expect); err != nil {
		say("expect is wrong: %v", err)
	}
	if c.Rows != "" && !templated(c.Rows) {
		e, err := ParseExpectation(c.Rows)
		if err == nil {
			err = e.counts()
		}
		if err != nil {
			say("rows is wrong: %v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.ExpectHeaders)) {
		if _, err := ParseExpectation(c.ExpectHeaders[name]); err != nil {
			say("expectHeaders is wrong about %s: %v", name, err)
		}
	}
}

// methods are those of requests that ask. A check that creates, replaces or
// removes something is none.
var methods = map[string]method{
	"GET": {answers: true}, "HEAD": {}, "OPTIONS": {answers: true}, "POST": {asks: true, answers: true},
}

// method says whether a request and its answer have a body.
type method struct{ asks, answers bool }

func (c Check) request(say func(string, ...any)) {
	scheme, _, _ := strings.Cut(c.URL, "://")
	if scheme != "http" && scheme != "https" && !templated(c.URL) {
		say("url must begin with http:// or https://")
	}
	method, known := methods[cmp.Or(c.Method, "GET")]
	switch {
	case !known:
		say("method %q must be one of %s: a check asks and changes nothing", c.Method, strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
	case c.Body != "" && !method.asks:
		say("body needs method POST")
	case !method.answers && (c.Expect != "" || c.JSONPath != ""):
		say("method %s has no body in its answer, which expect and jsonPath are about", c.Method)
	}
	if c.Status != 0 && (c.Status < 200 || c.Status > 599) {
		say("status must be from 200 to 599")
	}
	if c.JSONPath != "" && !strings.HasPrefix(c.JSONPath, "$") {
		say("jsonPath must begin with $, as in $.status (RFC 9535)")
	}
	if scheme == "http" && (c.ServerName != "" || c.CAFile != "") {
		say("url must begin with https:// where serverName or caFile is set")
	}
}

// templated reports whether a text holds placeholders, so that it is not known yet.
func templated(text string) bool { return strings.Contains(text, "{{") }

// hostPort reports whether a text is a name or address of a host and a port, an
// IPv6 address being in brackets.
func hostPort(text string) bool {
	cut := strings.LastIndexByte(text, ':')
	if cut <= 0 || strings.ContainsAny(text, " \t/") {
		return false
	}
	host := text[:cut]
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed {
		host = strings.TrimSuffix(inner, "]")
		if host == inner || host == "" {
			return false
		}
	} else if strings.Contains(host, ":") {
		return false
	}
	port, err := strconv.Atoi(text[cut+1:])
	return err == nil && port > 0 && port < 1<<16
}
