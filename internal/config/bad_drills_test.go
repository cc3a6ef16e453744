package config

import (
	"strings"
	"testing"
)

// rehearsed is a configuration with drills that loads; bad ones are made from it.
const rehearsed = `encryption: {passphrase: enough}
stores:
  primary: {kind: s3, bucket: b}
  disk: {kind: local, dir: /points}
  spare: {kind: s3, bucket: c}
surfaces:
  main: {kind: postgres, url: postgres://app:hush-hush@db/app}
  redis: {kind: redis, url: redis://cache:6379}
policies:
  daily: {surface: main, cron: "0 2 * * *", store: primary, copies: [disk]}
  cache: {surface: redis, cron: "0 3 * * *", store: primary, copies: [disk]}
  main-wal: {surface: main, kind: wal, store: primary}
admin:
  keys:
    - {name: anna, hash: '$argon2id$v=19$m=1,t=1,p=1$YQ$YQ', role: approver}
    - {name: otto, hash: '$argon2id$v=19$m=1,t=1,p=1$YQ$YQ', role: operator}
drills:
  quarterly:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, redis]
    targets: {rto: 30m, rpo: 1m}
    points:
      main: {at: -10m}
      redis: {select: random}
    sanitize:
      - {surface: main, sql: UPDATE users SET email = NULL}
    start:
      - command: [/usr/bin/api, --db, "{{main.address}}"]
        env: {DATABASE_URL: "{{main.url}}", API_KEY: hush-hush}
        ready: 127.0.0.1:8080
    checks:
      - {kind: http, url: "http://127.0.0.1:8080/healthz", headers: {X-Api-Key: hush-hush}}
      - {kind: sql, surface: main, query: SELECT 1, expect: "1"}
      - {kind: redis, surface: redis, command: [PING], expect: PONG}
    reconcile:
      - {kind: fingerprint, surface: main}
      - {kind: query, surface: main, query: SELECT count(*) FROM sessions, with: {surface: redis, query: DBSIZE}}
      - {kind: objects, surface: main, store: spare, query: "SELECT key, version FROM files"}
      - kind: chain
        surface: main
        chain: {url: "https://node.example.com/v2/hush-hush", chainId: 1, height: "SELECT max(height), max(hash) FROM blocks"}
    runbook: {repository: /srv/runbooks, file: dr/main.md}
    signOff: {approvers: [anna]}
    owner: ops@example.com
  nightly: {after: [daily], surfaces: [main]}
  yearly: {kind: annual_full, surfaces: [main, redis], store: disk}
  talk: {kind: tabletop, steps: [who calls whom, where the keys are]}
`

func TestBadDrills(t *testing.T) {
	t.Parallel()
	if _, err := Load(write(t, rehearsed), nil); err != nil {
		t.Fatal("the good one does not load: ", err)
	}
	for name, c := range map[string]struct {
		// Old is replaced by new; want are the lines, without the file's name.
		old, new, want string
	}{
		"unknown field":      {"owner: ops", "onwer: ops", `44: unknown key "onwer" in drills.quarterly; known are absentKeyPerson, after, `},
		"name":               {"  nightly:", "  a/b:", `45: "a/b" in drills is not a usable name`},
		"kind":               {"kind: annual_full", "kind: annual", `46: drills.yearly.kind "annual" must be one of restore_test, quarterly, annual_full, tabletop`},
		"another spelling":   {"kind: annual_full", "kind: annual-full", `46: drills.yearly.kind "annual-full" must be one of`},
		"cron":               {`"0 6 1 1,4,7,10 *"`, `"0 6 1 *"`, `19: drills.quarterly.cron "0 6 1 *" is not a schedule`},
		"cron never comes":   {`"0 6 1 1,4,7,10 *"`, `"0 6 31 2 *"`, `19: drills.quarterly.cron "0 6 31 2 *" never comes`},
		"time zone":          {"cron: \"0 6 1 1,4,7,10 *\"", "timeZone: Mars", `19: drills.quarterly.timeZone "Mars" is not a time zone`},
		"no surfaces":        {"{after: [daily], surfaces: [main]}", "{cron: '@daily'}", `45: drills.nightly.surfaces is missing: say what is restored`},
		"unknown surface":    {"{after: [daily], surfaces: [main]}", "{surfaces: [main, other]}", `45: drills.nightly.surfaces: "other" is not among the surfaces (main, redis)`},
		"surface twice":      {"{after: [daily], surfaces: [main]}", "{surfaces: [main, main]}", `45: drills.nightly.surfaces: "main" is there twice`},
		"target":             {"rto: 30m", "rto: 30", `21: drills.quarterly.targets.rto must be a duration such as 30m, 1h30m or 14d`},
		"negative target":    {"rpo: 1m", "rpo: -1m", `21: drills.quarterly.targets.rpo must be a duration`},
		"store":              {"store: disk}\n  talk", "store: tape}\n  talk", `46: drills.yearly.store "tape" is not among the stores (disk, primary, spare)`},
		"steps elsewhere":    {"nightly: {", "nightly: {steps: [a], ", `45: drills.nightly.steps is for kind tabletop`},
		"point of another":   {"nightly: {", "nightly: {points: {redis: {}}, ", `45: drills.nightly.points: "redis" is not among the surfaces of the plan (main)`},
		"selection":          {"select: random", "select: oldest", `24: drills.quarterly.points.redis.select "oldest" must be latest, snapshot, random, point or moment`},
		"store of a point":   {"select: random", "select: random, store: tape", `24: drills.quarterly.points.redis.store "tape" is not among the stores`},
		"which point":        {"select: random", "select: point", `24: drills.quarterly.points.redis.id is missing`},
		"store of an ID":     {"select: random", "id: 'tape:01'", `24: drills.quarterly.points.redis.id: the store "tape" is not among the stores`},
		"ID elsewhere":       {"select: random", "select: random, id: '01'", `24: drills.quarterly.points.redis.id is for select: point`},
		"moment elsewhere":   {"select: random", "select: random, at: -10m", `24: drills.quarterly.points.redis.at is for select: moment`},
		"moment of a Redis":  {"select: random", "at: -10m", `24: drills.quarterly.points.redis.select moment is for surfaces of kind postgres`},
		"which moment":       {"at: -10m", "select: moment", `23: drills.quarterly.points.main.at is missing`},
		"moment before":      {"at: -10m", "at: -soon", `23: drills.quarterly.points.main.at "-soon" must be a time before the failure such as -10m`},
		"moment":             {"at: -10m", "at: 2026-01-31", `23: drills.quarterly.points.main.at: "2026-01-31" is no time with its zone`},
		"after whom":         {"after: [daily]", "after: [hourly]", `45: drills.nightly.after: "hourly" is not among the policies (cache, daily, main-wal)`},
		"after twice":        {"after: [daily]", "after: [daily, daily]", `45: drills.nightly.after: "daily" is there twice`},
		"after WAL":          {"after: [daily]", "after: [main-wal]", `45: drills.nightly.after: the policy "main-wal" makes no points`},
		"after another's":    {"after: [daily]", "after: [cache]", `45: drills.nightly.after: the policy "cache" is of redis, which is not among the surfaces of the plan (main)`},
		"sanitise a Redis":   {"{surface: main, sql", "{surface: redis, sql", `26: drills.quarterly.sanitize.0.surface "redis" is of kind redis, and must be of kind postgres`},
		"sanitise nothing":   {"sql: UPDATE users SET email = NULL", "sql: ''", `26: drills.quarterly.sanitize.0.sql is missing`},
		"sanitise nobody":    {"{surface: main, sql", "{sql", `26: drills.quarterly.sanitize.0.surface "" is not among the surfaces of the plan (main, redis)`},
		"no command":         {"command: [/usr/bin/api, --db, \"{{main.address}}\"]", "command: []", `28: drills.quarterly.start.0.command is missing`},
		"relative command":   {"[/usr/bin/api,", "[bin/api,", `28: drills.quarterly.start.0.command must begin with an absolute path, or with a name to look for in PATH, not with "bin/api"`},
		"program's name":     {"ready: 127.0.0.1:8080", "name: the api", `30: drills.quarterly.start.0.name "the api" must be letters, digits`},
		"variable":           {"API_KEY: hush-hush", "API-KEY: hush-hush", `29: drills.quarterly.start.0.env: "API-KEY" can't be the name of a variable`},
		"folder":             {"ready: 127.0.0.1:8080", "dir: here", `30: drills.quarterly.start.0.dir "here" must be an absolute path`},
		"ready":              {"ready: 127.0.0.1:8080", "ready: '8080'", `30: drills.quarterly.start.0.ready "8080" must be HOST:PORT`},
		"ready once":         {"ready: 127.0.0.1:8080", "ready: 127.0.0.1:8080\n        once: true", `30: drills.quarterly.start.0.ready means nothing with once: true`},
		"placeholder":        {`--db, "{{main.address}}"`, `--db, "{{mian.url}}"`, `28: drills.quarterly.start.0.command.2: the placeholder {{mian.url}} names nothing that is restored: there is {{drill.id}}, and {{SURFACE.FIELD}} of main, redis`},
		"its field":          {`--db, "{{main.address}}"`, `--db, "{{main.dsn}}"`, `28: drills.quarterly.start.0.command.2: the placeholder {{main.dsn}} names no field of a surface: there is url, host,`},
		"half of one":        {`--db, "{{main.address}}"`, `--db, "{{main}}"`, `28: drills.quarterly.start.0.command.2: the placeholder {{main}} names no field of a surface`},
		"a secret one":       {`{DATABASE_URL: "{{main.url}}"`, `{DATABASE_URL: "{{hush.url}}"`, `29: drills.quarterly.start.0.env.DATABASE_URL: a placeholder names nothing that is restored`},
		"a password":         {`--db, "{{main.address}}"`, `--db, "user={{main.user}} password={{main.password}}"`, `28: drills.quarterly.start.0.command.2: {{main.password}} has a password in it, and every user of the host sees`},
		"a URL":              {`--db, "{{main.address}}"`, `--db, "{{ redis.url }}"`, `28: drills.quarterly.start.0.command.2: {{ redis.url }} has a password in it`},
		"one of a check":     {"{kind: redis, surface: redis, command: [PING], expect: PONG}", "{kind: command, command: [psql, '{{main.url}}']}", `34: drills.quarterly.checks.2.command.1: {{main.url}} has a password in it`},
		"a check's variable": {"{kind: redis, surface: redis, command: [PING], expect: PONG}", "{kind: command, command: [psql], env: {PG-URL: x}}", `34: drills.quarterly.checks.2.env: "PG-URL" can't be the name of a variable`},
		"one in a check":     {"8080/healthz", "{{api.port}}/healthz", `32: drills.quarterly.checks.0.url: the placeholder {{api.port}} names nothing that is restored`},
		"check's kind":       {"kind: redis, surface: redis, command", "kind: valkey, surface: redis, command", `34: drills.quarterly.checks.2.kind "valkey" must be one of tcp, http`},
		"check's field":      {"query: SELECT 1, expect", "expect", `33: drills.quarterly.checks.1.query is missing: kind sql needs it`},
		"check's surface":    {"surface: redis, command", "surface: cache, command", `34: drills.quarterly.checks.2.surface "cache" is not among the surfaces of the plan (main, redis)`},
		"SQL for a Redis":    {"surface: main, query: SELECT 1", "surface: redis, query: SELECT 1", `33: drills.quarterly.checks.1.surface "redis" is of kind redis, and must be of kind postgres`},
		"check's retries":    {"expect: PONG", "expect: PONG, retries: often", `34: drills.quarterly.checks.2.retries must be a whole number`},
		"check's timeout":    {"expect: PONG", "expect: PONG, timeout: 5", `34: drills.quarterly.checks.2.timeout must be a duration`},
		"header":             {"X-Api-Key: hush-hush", "X Api Key: hush-hush", `32: drills.quarterly.checks.0: "X Api Key" can't be the name of a header`},
		"name twice":         {"kind: redis, surface: redis", "name: sql-1, kind: tcp, surface: redis}\n      - {name: sql-1, kind: redis, surface: redis", `35: drills.quarterly.checks.3.name "sql-1" is there twice`},
		"name of a check":    {"{kind: fingerprint", "{name: PING, kind: fingerprint, surface: main}\n      - {name: PING, kind: fingerprint", `37: drills.quarterly.reconcile.1.name "PING" is there twice`},
		"long name":          {"kind: http,", "kind: http, name: " + strings.Repeat("n", 101) + ",", `32: drills.quarterly.checks.0.name must be at most 100 bytes, without control characters`},
		"reconcile's kind":   {"kind: fingerprint", "kind: fingertip", `36: drills.quarterly.reconcile.0.kind must be one of fingerprint`},
		"reconcile whom":     {"{kind: fingerprint, surface: main}", "{kind: fingerprint, surface: other}", `36: drills.quarterly.reconcile.0.surface "other" is not among the surfaces of the plan (main, redis)`},
		"reconcile with":     {"with: {surface: redis", "with: {surface: other", `37: drills.quarterly.reconcile.1.with.surface "other" is not among the surfaces of the plan (main, redis)`},
		"objects where":      {"store: spare", "store: tape", `38: drills.quarterly.reconcile.2.store "tape" is not among the stores`},
		"objects of a Redis": {"objects, surface: main", "objects, surface: redis", `38: drills.quarterly.reconcile.2.surface "redis" is of kind redis, and must be of kind postgres`},
		"chain":              {"chainId: 1", "chainId: one", `41: drills.quarterly.reconcile.3.chain.chainId "one" must be a number in decimal`},
		"node":               {"https://node.example.com/v2/hush-hush", "ws://hush", `41: drills.quarterly.reconcile.3.chain.url must be like https://HOST:PORT/PATH`},
		"contract":           {"chainId: 1", "chainId: 1, contracts: [{address: 0x1, logs: SELECT $1 $2 $3}]", `41: drills.quarterly.reconcile.3.chain.contracts[0].address "0x1" must be an address`},
		"runbook's place":    {"repository: /srv/runbooks", "repository: runbooks", `42: drills.quarterly.runbook.repository "runbooks" must be an absolute path`},
		"runbook's file":     {"file: dr/main.md", "file: ../main.md", `42: drills.quarterly.runbook.file "../main.md" must be the path of a file within the repository`},
		"no runbook":         {", file: dr/main.md", "", `42: drills.quarterly.runbook.file "" must be the path of a file within the repository`},
		"runbook's ref":      {"file: dr/main.md", "file: dr/main.md, ref: --all", `42: drills.quarterly.runbook.ref "--all" must be a branch, a tag or a commit`},
		"no time to sign":    {"approvers: [anna]", "within: 0s", `43: drills.quarterly.signOff.within must be longer than 0`},
		"no reminders":       {"approvers: [anna]", "remind: 0d", `43: drills.quarterly.signOff.remind must be longer than 0`},
		"not valid":          {"approvers: [anna]", "validity: 0s", `43: drills.quarterly.signOff.validity must be longer than 0`},
		"approver's name":    {"approvers: [anna]", "approvers: [Anna]", `43: drills.quarterly.signOff.approvers: "Anna" can't be the name of a key`},
		"approver twice":     {"approvers: [anna]", "approvers: [anna, anna]", `43: drills.quarterly.signOff.approvers: "anna" is there twice`},
		"operator signs":     {"approvers: [anna]", "approvers: [otto]", `43: drills.quarterly.signOff.approvers: the key "otto" has the role operator, which may not sign`},
		"nobody need sign":   {"nightly: {", "nightly: {signOff: {approvers: [anna]}, ", `45: drills.nightly.signOff.approvers means nothing where nobody has to sign`},
		"no copy":            {", store: disk}\n  talk", "}\n  talk", "46: drills.yearly.store is missing: kind annual_full reads a copy off site, so name its store, or one for main under points\n46: drills.yearly.store is missing: kind annual_full reads a copy off site, so name its store, or one for redis under points"},
		"not a copy":         {"store: disk}\n  talk", "store: primary, points: {redis: {store: disk}}}\n  talk", `46: drills.yearly.store "primary" is where main is stored first, which kind annual_full takes for lost`},
		"not its copy":       {"store: disk}\n  talk", "store: disk, points: {redis: {store: primary}}}\n  talk", `46: drills.yearly.points.redis.store "primary" is where redis is stored first`},
		"not in the ID":      {"store: disk}\n  talk", "store: disk, points: {redis: {id: 'primary:01'}}}\n  talk", `46: drills.yearly.points.redis.store "primary" is where redis is stored first`},
		"an empty store":     {"store: disk}\n  talk", "store: spare}\n  talk", "46: drills.yearly.store \"spare\": no policy of main writes or copies to it\n46: drills.yearly.store \"spare\": no policy of redis writes or copies to it"},
		"a live address":     {"store: disk}\n  talk", "store: disk, checks: [{kind: tcp, address: 'db:5432'}]}\n  talk", `46: drills.yearly.checks.0 names the address of main, which kind annual_full takes for lost; write {{main.address}} for the restored one`},
		"talk of nothing":    {"steps: [who calls whom, where the keys are]", "", `47: drills.talk.steps is missing: kind tabletop is a checklist`},
		"empty step":         {"who calls whom", "' '", `47: drills.talk.steps.0 is empty`},
		"talk of surfaces":   {"kind: tabletop,", "kind: tabletop, surfaces: [main], targets: {rto: 1m},", "47: drills.talk.surfaces means nothing for kind tabletop: it restores nothing\n47: drills.talk.targets means nothing for kind tabletop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(rehearsed, c.old) {
				t.Fatalf("%q is not in the configuration", c.old)
			}
			refused(t, strings.Replace(rehearsed, c.old, c.new, 1), c.want)
		})
	}
}
