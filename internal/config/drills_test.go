package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// The example of the contract loads as it stands, with every default filled in.
func TestContractPlanLoads(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, usable+`drills:
  quarterly: {cron: "0 6 1 1,4,7,10 *", surfaces: [main, redis], targets: {rto: 30m, rpo: 1m},
              checks: [{kind: sql, surface: main, query: SELECT count(*) FROM orders, expect: "> 0"}],
              reconcile: [{kind: fingerprint, surface: main}], owner: ops@example.com}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := drill.Plan{
		Kind: drill.Quarterly, Cron: "0 6 1 1,4,7,10 *", TimeZone: "UTC", Surfaces: []string{"main", "redis"},
		Targets:   drill.Targets{RTO: drill.Duration(30 * time.Minute), RPO: drill.Duration(time.Minute)},
		Checks:    []drill.Check{{Name: "sql-1", Kind: "sql", Surface: "main", Query: "SELECT count(*) FROM orders", Expect: "> 0"}},
		Reconcile: []drill.Reconcile{{Name: "fingerprint-1", Kind: "fingerprint", Surface: "main"}},
		SignOff:   drill.SignOff{Within: drill.Duration(14 * day), Remind: drill.Duration(day), Validity: drill.Duration(100 * day)},
		Owner:     "ops@example.com",
	}
	if diff := cmp.Diff(want, c.Drills["quarterly"]); diff != "" {
		t.Error("the plan is not as the file says (-want +got):\n", diff)
	}
}

// everyPlan has the plans of testdata/lifeboat.yaml, which have every field.
func everyPlan() map[string]drill.Plan {
	none := 0
	yes := true
	signOff := func(validity time.Duration) drill.SignOff {
		return drill.SignOff{Within: drill.Duration(14 * day), Remind: drill.Duration(day), Validity: drill.Duration(validity)}
	}
	quarterly := drill.Plan{
		Kind: drill.Quarterly, Cron: "0 6 1 1,4,7,10 *", TimeZone: "Europe/Berlin", Paused: true,
		Surfaces: []string{"main", "redis"}, Store: "disk",
		Points: map[string]drill.Selection{
			"main": {Select: drill.SelectMoment, At: "-10m", Store: "primary"}, "redis": {Select: drill.SelectSnapshot},
		},
		Targets:  drill.Targets{RTO: drill.Duration(30 * time.Minute), RPO: drill.Duration(time.Minute)},
		Sanitize: []drill.Sanitize{{Name: "sanitize-1", Surface: "main", SQL: "UPDATE users SET email = NULL"}},
		Start: []drill.Program{
			{Name: "migrate", Command: []string{"/usr/bin/api", "migrate", "--db", "{{main.address}}"}, Once: true, Timeout: drill.Duration(5 * time.Minute)},
			{
				Name: "program-2", Command: []string{"api", "--db", "{{main.address}}"}, Dir: "/srv/api", Ready: "127.0.0.1:8080",
				Env: map[string]secret.String{"REDIS_URL": "{{redis.url}}", "_TOKEN": "shh"},
			},
		},
		Checks: []drill.Check{
			{
				Name: "http-1", Kind: "http", URL: "http://127.0.0.1:8080/healthz?drill={{drill.id}}", Method: "POST",
				Headers: map[string]secret.String{"X-Api-Key": "shh"}, Body: "{}", Status: 200,
				ExpectHeaders: map[string]string{"Content-Type": "*= json"}, JSONPath: "$.status", Expect: "ok",
				Timeout: drill.Duration(5 * time.Second), Retries: &none, Interval: drill.Duration(time.Second),
			},
			{
				Name: "certificate", Kind: "tls", Address: "127.0.0.1:8443", ServerName: "api.example.com", CAFile: "/etc/ca.pem",
				MinValid: drill.Duration(30 * day), Optional: true,
			},
			{Name: "sql-1", Kind: "sql", Surface: "main", Query: "SELECT count(*) FROM orders", Database: "app", Rows: "1", Expect: "> 0"},
			{Name: "redis-1", Kind: "redis", Surface: "redis", Command: []string{"DBSIZE"}, Expect: ">= 1"},
			{Name: "grpc-1", Kind: "grpc", Address: "127.0.0.1:50051", Service: "api.v1", TLS: true},
			{Name: "http-2", Kind: "http", URL: "http://127.0.0.1:8080/readyz"},
			{Name: "kubernetes-1", Kind: "kubernetes", Kubeconfig: "/etc/kube", Context: "drills", Namespace: "api", Resource: "deployment/api"},
			{Name: "command-1", Kind: "command", Command: []string{"/usr/bin/api", "self-test"}, ExitCode: 3, Env: map[string]secret.String{"DATABASE_URL": "{{main.url}}"}},
		},
		Reconcile: []drill.Reconcile{
			{Name: "fingerprint-1", Kind: "fingerprint", Surface: "main"},
			{
				Name: "query-1", Kind: "query", Surface: "main", Query: "SELECT count(*) FROM sessions",
				With: &drill.Side{Surface: "redis", Query: "DBSIZE"}, Timeout: drill.Duration(time.Minute), Optional: true,
			},
			{Name: "objects-1", Kind: "objects", Surface: "main", Store: "cloud", Query: "SELECT key, version FROM files"},
			{Name: "mainnet", Kind: "chain", Surface: "main", Chain: &drill.Chain{
				URL: "https://node.example.com/v2/token", ChainID: "1", Depth: 64, MaxBehind: 100,
				Genesis: "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
				Height:  "SELECT height, hash FROM blocks ORDER BY 1 DESC LIMIT 1",
				Hashes:  "SELECT height, hash FROM blocks WHERE height = ANY ($1)",
				Contracts: []drill.Contract{{
					Address: "0xdAC17F958D2ee523a2206206994597C13D831ec7", From: 4634748,
					Logs: "SELECT block, idx, tx FROM logs WHERE contract = $1 AND block BETWEEN $2 AND $3 ORDER BY 1, 2",
				}},
				Balances: "SELECT account, NULL, value FROM balances", Supplies: "SELECT contract, value FROM supplies",
				Nonces: "SELECT account, nonce FROM accounts", NonceAhead: "fail",
			}},
		},
		Runbook: &drill.Runbook{Repository: "/srv/runbooks", File: "dr/main.md", Ref: "main"},
		Keep:    drill.Duration(time.Hour),
		SignOff: drill.SignOff{
			Required: &yes, Approvers: []string{"grace"}, Within: drill.Duration(7 * day), Remind: drill.Duration(12 * time.Hour), Validity: drill.Duration(120 * day),
		},
		Scenario: "the region is lost", Services: []string{"api"}, Criticality: "high", Assumptions: []string{"DNS answers"},
		ThirdParties: []string{"the cloud"}, Exclusions: []string{"telemetry, which nobody needs within a day"},
		Criteria: []string{"orders can be placed"}, Owner: "ops@example.com", Operator: "Ada", Observers: []string{"audit"},
		Participants: []string{"Ada", "Grace"}, AbsentKeyPerson: "Linus", Reviewer: "Grace", RouteSwitch: "runbook, section 7",
	}
	return map[string]drill.Plan{
		"quarterly": quarterly,
		"nightly":   {Kind: drill.RestoreTest, TimeZone: "UTC", After: []string{"main-daily"}, Surfaces: []string{"main"}, SignOff: signOff(8 * day)},
		"yearly":    {Kind: drill.AnnualFull, TimeZone: "UTC", Surfaces: []string{"main"}, Store: "offsite", SignOff: signOff(400 * day)},
		"talk": {
			Kind: drill.Tabletop, Cron: "@yearly", TimeZone: "UTC", SignOff: signOff(400 * day),
			Steps: []string{"who calls whom", "where the keys are"},
		},
	}
}
