package drill

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// sound is one check of every kind with every field that it may have.
func sound() []Check {
	retries := 0
	return []Check{
		{Kind: CheckTCP, Address: "localhost:5432", Timeout: 1, Retries: &retries, Interval: 1, Optional: true},
		{Kind: CheckTCP, Address: "[::1]:5432"},
		{Kind: CheckTCP, Surface: "main"},
		{Kind: CheckHTTP, URL: "http://localhost:8080/healthz"},
		{Kind: CheckHTTP, URL: "{{api.url}}/healthz", Method: "HEAD", Status: 204},
		{
			Kind: CheckHTTP, URL: "https://localhost/q", Method: "POST", Body: "{}", Headers: map[string]secret.String{"X": "y"}, Status: 200,
			ExpectHeaders: map[string]string{"Content-Type": "*= json"}, JSONPath: "$.a", Expect: "> 1", ServerName: "api", CAFile: "/ca.pem",
		},
		{Kind: CheckTLS, Address: "localhost:443", ServerName: "api", CAFile: "/ca.pem", MinValid: Duration(day)},
		{Kind: CheckSQL, Surface: "main", Query: "SELECT 1", Database: "shop", Rows: ">= 1", Expect: "1"},
		{Kind: CheckSQL, Surface: "main", Query: "SELECT 1", Rows: "{{main.port}}"},
		{Kind: CheckRedis, Surface: "cache", Command: []string{"GET", ""}, Database: "3", Expect: "~ ^a$"},
		{Kind: CheckGRPC, Address: "{{main.host}}:50051", Service: "api.v1", TLS: true, ServerName: "api", CAFile: "/ca.pem"},
		{Kind: CheckGRPC, Address: "localhost:50051"},
		{Kind: CheckKubernetes, Kubeconfig: "/k", Context: "c", Namespace: "n", Resource: "deploy/api"},
		{Kind: CheckKubernetes, Resource: "Node/one"},
		{Kind: CheckKubernetes, Resource: "ns/shop"},
		{Kind: CheckKubernetes, Resource: "all", Namespace: "n"},
		{Kind: CheckKubernetes, Surface: "cluster", Resource: "all"},
		{Kind: CheckKubernetes, Surface: "cluster", Namespace: "shop", Resource: "deploy/api"},
		{Kind: CheckCommand, Command: []string{"/bin/true"}, Env: map[string]secret.String{"A": "b"}, ExitCode: 3, Expect: "!= x"},
		{Kind: CheckCommand, Command: []string{"psql", "../x"}},
	}
}

func TestSoundChecks(t *testing.T) {
	t.Parallel()
	for _, c := range sound() {
		if problems := c.Problems(); len(problems) > 0 {
			t.Errorf("%+v: %q", c, problems)
		}
	}
}

func TestProblemsOfChecks(t *testing.T) {
	t.Parallel()
	minus := -1
	http := func(change func(*Check)) Check {
		c := Check{Kind: CheckHTTP, URL: "http://localhost/"}
		change(&c)
		return c
	}
	for want, c := range map[string]Check{
		`kind "icmp" must be one of tcp, http`:                 {Kind: "icmp"},
		`kind "" must be one of`:                               {},
		"url is missing: kind http needs it":                   {Kind: CheckHTTP},
		"surface is missing: kind sql":                         {Kind: CheckSQL, Query: "SELECT 1"},
		"query is missing":                                     {Kind: CheckSQL, Surface: "main"},
		"command is missing: kind redis":                       {Kind: CheckRedis, Surface: "cache"},
		"command is missing: kind command":                     {Kind: CheckCommand},
		"address is missing: kind tls":                         {Kind: CheckTLS},
		"address is missing: kind grpc":                        {Kind: CheckGRPC},
		"resource is missing":                                  {Kind: CheckKubernetes},
		"expect means nothing for kind tcp":                    {Kind: CheckTCP, Surface: "main", Expect: "x"},
		"status means nothing for kind command":                {Kind: CheckCommand, Command: []string{"x"}, Status: 200},
		"caFile means nothing for kind sql":                    {Kind: CheckSQL, Surface: "main", Query: "x", CAFile: "/x"},
		"retries must be 0 or more":                            {Kind: CheckTCP, Surface: "main", Retries: &minus},
		"address or surface must be set":                       {Kind: CheckTCP},
		"address or surface must be set, and":                  {Kind: CheckTCP, Surface: "main", Address: "a:1"},
		`address "localhost" must be like`:                     {Kind: CheckTCP, Address: "localhost"},
		`address "::1:5432" must be like`:                      {Kind: CheckTCP, Address: "::1:5432"},
		`address "[::1:5432" must be like`:                     {Kind: CheckTCP, Address: "[::1:5432"},
		`address ":80" must be like`:                           {Kind: CheckTCP, Address: ":80"},
		`address "a:0" must be like`:                           {Kind: CheckTCP, Address: "a:0"},
		`address "a:65536" must be like`:                       {Kind: CheckTLS, Address: "a:65536"},
		`address "http://a:1" must be like`:                    {Kind: CheckGRPC, Address: "http://a:1"},
		"url must begin with http:// or https://":              http(func(c *Check) { c.URL = "ftp://localhost/" }),
		`method "DELETE" must be one of`:                       http(func(c *Check) { c.Method = "DELETE" }),
		"body needs method POST":                               http(func(c *Check) { c.Body = "x" }),
		"method HEAD has no body":                              http(func(c *Check) { c.Method, c.Expect = "HEAD", "x" }),
		"status must be from 200 to 599":                       http(func(c *Check) { c.Status = 99 }),
		"jsonPath must begin with $":                           http(func(c *Check) { c.JSONPath = "status" }),
		"url must begin with https:// where":                   http(func(c *Check) { c.CAFile = "/x" }),
		"expectHeaders is wrong about A: the regular":          http(func(c *Check) { c.ExpectHeaders = map[string]string{"A": "~ ("} }),
		"expect is wrong: the operator < needs":                http(func(c *Check) { c.Expect = "<" }),
		"rows is wrong: must be a number":                      {Kind: CheckSQL, Surface: "main", Query: "x", Rows: "many"},
		"rows is wrong: must be a number, alone":               {Kind: CheckSQL, Surface: "main", Query: "x", Rows: "~ 1"},
		"rows is wrong: the operator >= needs":                 {Kind: CheckSQL, Surface: "main", Query: "x", Rows: ">="},
		`database "shop" must be the number`:                   {Kind: CheckRedis, Surface: "cache", Command: []string{"PING"}, Database: "shop"},
		`database "-1" must be the number`:                     {Kind: CheckRedis, Surface: "cache", Command: []string{"PING"}, Database: "-1"},
		"tls must be true where":                               {Kind: CheckGRPC, Address: "a:1", CAFile: "/x"},
		"resource must be KIND/NAME":                           {Kind: CheckKubernetes, Resource: "api"},
		"resource must be KIND/NAME, such":                     {Kind: CheckKubernetes, Resource: "secret/api"},
		"resource must be KIND/NAME, such as":                  {Kind: CheckKubernetes, Resource: "pod/"},
		"namespace means nothing for resource node/a":          {Kind: CheckKubernetes, Resource: "node/a", Namespace: "x"},
		"resource must be KIND/NAME, such as deployment":       {Kind: CheckKubernetes, Resource: "all/api"},
		"kubeconfig means nothing where surface":               {Kind: CheckKubernetes, Surface: "cluster", Kubeconfig: "/k", Resource: "all"},
		"context means nothing where surface":                  {Kind: CheckKubernetes, Surface: "cluster", Context: "c", Resource: "all"},
		"exitCode must be from 0 to 255":                       {Kind: CheckCommand, Command: []string{"x"}, ExitCode: 256},
		"command must not begin with an empty word":            {Kind: CheckCommand, Command: []string{"", "x"}},
		"command must begin with an absolute path, or with a ": {Kind: CheckCommand, Command: []string{"./x"}},
	} {
		problems := c.Problems()
		if len(problems) != 1 || !strings.HasPrefix(problems[0], want) || strings.Contains(problems[0], "%!") {
			t.Errorf("%s: %q", want, problems)
		}
	}
}

// TestEveryFieldBelongsToAKind finds a field that was added and is not validated.
func TestEveryFieldBelongsToAKind(t *testing.T) {
	t.Parallel()
	for _, field := range checkFields {
		var used bool
		for _, kind := range checkKinds {
			used = used || slices.Contains(kind.needs, field.name) || slices.Contains(kind.may, field.name)
		}
		if !used {
			t.Errorf("no kind has the field %s", field.name)
		}
		if !slices.ContainsFunc(sound(), field.set) {
			t.Errorf("no sound check has the field %s", field.name)
		}
	}
	for _, kind := range CheckKinds {
		if _, known := checkKinds[kind]; !known {
			t.Errorf("kind %s is not validated", kind)
		}
	}
}
