package config

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// usable is a configuration that loads; bad ones are made from it.
const usable = `encryption: {passphrase: enough}
stores:
  primary: {kind: s3, bucket: b}
  disk: {kind: local, dir: /points}
surfaces:
  main: {kind: postgres, url: postgres://app:hush-hush@db/app}
  redis: {kind: redis, url: redis://cache:6379}
policies:
  daily: {surface: main, cron: "0 2 * * *", store: primary, copies: [disk]}
`

func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	if _, err := Load(write(t, usable), nil); err != nil {
		t.Fatal("the usable one does not load: ", err)
	}
	key := "'$argon2id$v=19$m=1,t=1,p=1$YQ$YQ'"
	for name, c := range map[string]struct {
		// Old is replaced by new in the usable configuration; an empty old appends.
		old, new string
		// Want are the lines, without the file's name.
		want string
	}{
		"unknown section":     {"", "stoers: {}", `10: unknown key "stoers"; known are admin, alerts, audit, `},
		"unknown field":       {"bucket: b", "bukket: b", `3: unknown key "bukket" in stores.primary; known are accessKeyId, bucket, `},
		"duplicate section":   {"", "stores: {}", `10: the key "stores" is there twice, also in line 2`},
		"duplicate name":      {"disk: {", "primary: {", `4: the key "primary" is there twice, also in line 3`},
		"merge key":           {"kind: s3, bucket: b", "<<: {kind: s3, bucket: b}", `3: merge keys (<<) are not supported`},
		"not YAML":            {"stores:", "stores: [", "not valid YAML: "},
		"two documents":       {"", "---\nlisten: :1", "one YAML document was expected"},
		"a list at the top":   {usable, "- a", `1: the configuration must be a mapping of keys to values`},
		"text for a map":      {"", "targets: none", `10: targets must be a mapping of keys to values`},
		"text for a list":     {"copies: [disk]", "copies: disk", `9: policies.daily.copies must be a list`},
		"a list for text":     {"bucket: b", "bucket: [b]", `3: stores.primary.bucket must be a single plain value`},
		"binary":              {"bucket: b", "bucket: !!binary Yg==", `3: stores.primary.bucket must be a single plain value`},
		"a word for a flag":   {"", "encryption2: 1", `10: unknown key "encryption2"`},
		"flag":                {"passphrase: enough", "unencrypted: yes", `1: encryption.unencrypted must be true or false`},
		"number":              {"", "parallel: many", `10: parallel must be a whole number`},
		"fraction":            {"", "parallel: 1.5", `10: parallel must be a whole number`},
		"parallel":            {"", "parallel: 0", `10: parallel is 0; it must be 1 to 64`},
		"level":               {"", "compression: {level: 20}", `10: compression.level is 20; it must be 1 to 19, or -1 to -7`},
		"quick level":         {"", "compression: {level: -8}", `10: compression.level is -8; it must be 1 to 19, or -1 to -7`},
		"unset variable":      {"bucket: b", "bucket: ${NO_SUCH}", `3: stores.primary.bucket: the variable NO_SUCH is not set (nor NO_SUCH_FILE)`},
		"unreadable file":     {"bucket: b", "bucket: ${GONE}", `3: stores.primary.bucket: GONE_FILE: cannot read /nonexistent/x: no such file or directory`},
		"both":                {"bucket: b", "bucket: ${BOTH}", `3: stores.primary.bucket: BOTH and BOTH_FILE are both set; unset one`},
		"open brace":          {"bucket: b", `bucket: "${NO"`, `3: stores.primary.bucket: "${" without "}"`},
		"odd brace":           {"bucket: b", `bucket: "${a b}"`, `3: stores.primary.bucket: "${…}" takes the name of a variable`},
		"name":                {"disk: {", `"a/b": {`, `4: "a/b" in stores is not a usable name`},
		"watched address":     {"", "watch: {certificates: [www.example]}", `10: watch.certificates.0 "www.example" must be HOST:PORT`},
		"watched disk":        {"", "watch: {disks: [var]}", `10: watch.disks.0 "var" must be an absolute path`},
		"traces":              {"", "tracing: {endpoint: collector:4318}", `10: tracing.endpoint "collector:4318" must be a URL such as http://collector:4318`},
		"listen":              {"", "listen: 8080", `10: listen "8080" must be HOST:PORT`},
		"port":                {"", "listen: localhost:http", `10: listen "localhost:http" needs a port of 0 to 65535`},
		"data folder":         {"", "dataDir: here", `10: dataDir "here" must be an absolute path`},
		"audit":               {"", "audit: {file: here}", `10: audit.file "here" must be an absolute path`},
		"points prefix":       {"", "pointsPrefix: /a", `10: pointsPrefix must be like a/b/c`},
		"prefix function":     {"", "pointsPrefix: a/${uuid()}", `10: pointsPrefix may hold ${iso_date()} and ${iso_datetime()}, and no other function`},
		"no encryption":       {"encryption: {passphrase: enough}\n", "", `encryption needs recipients, an identity or a passphrase; or, to store readable copies, unencrypted: true`},
		"unencrypted, but":    {"passphrase: enough", "passphrase: enough, unencrypted: true", `1: `},
		"two ways":            {"passphrase: enough", "passphrase: enough, recipients: [age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj]", `1: `},
		"bad recipient":       {"passphrase: enough", "recipients: [age1nonsense]", `1: `},
		"temporal address":    {"", "temporal: {address: temporal}", `10: temporal.address "temporal" must be HOST:PORT`},
		"temporal namespace":  {"", "temporal: {namespace: ''}", `10: temporal.namespace must not be empty`},
		"temporal TLS":        {"", "temporal: {address: 't:1', tls: {cert: /c}}", `10: temporal.tls needs cert and key together, or neither`},
		"embedded with key":   {"", "temporal: {apiKey: x}", `10: temporal.tls and temporal.apiKey mean nothing without temporal.address`},
		"old codec keys":      {"", "temporal: {oldCodecKeys: [x]}", `10: temporal.oldCodecKeys means nothing without temporal.codecKey`},
		"store kind":          {"kind: s3", "kind: ftp", `3: stores.primary.kind "ftp" must be s3, azure, gcs or local`},
		"store field":         {"bucket: b", "region: r", `3: stores.primary.bucket is missing: kind s3 needs it`},
		"foreign field":       {"dir: /points", "dir: /points, region: r", `4: stores.disk.region means nothing for kind local`},
		"relative folder":     {"dir: /points", "dir: points", `4: stores.disk.dir "points" must be an absolute path`},
		"half a key":          {"bucket: b", "bucket: b, accessKeyId: a", `3: stores.primary needs accessKeyId and secretAccessKey together, or neither`},
		"endpoint":            {"bucket: b", "bucket: b, endpoint: 'minio:9000'", `3: stores.primary.endpoint must be like https://HOST:PORT, without credentials`},
		"store prefix":        {"bucket: b", "bucket: b, prefix: a//b", `3: stores.primary.prefix must be like a/b/c`},
		"surface kind":        {"kind: redis", "kind: mysql", `7: surfaces.redis.kind "mysql" must be one of postgres, redis, kubernetes, `},
		"no URL":              {"url: redis://cache:6379", "url: ''", `7: surfaces.redis.url is missing`},
		"URL of another":      {"url: redis://cache:6379", "url: postgres://x", `7: surfaces.redis.url does not fit kind redis: it must begin with redis:// or rediss://`},
		"URL":                 {"app:hush-hush@db", "app:hush%hush@db", `6: surfaces.main.url is not a valid URL; write special characters`},
		"client certificate":  {"kind: redis,", "kind: redis, certFile: /c,", `7: surfaces.redis needs certFile and keyFile together, or neither`},
		"binDir":              {"kind: redis,", "kind: redis, binDir: bin,", `7: surfaces.redis.binDir "bin" must be an absolute path`},
		"managed Redis":       {"kind: redis,", "kind: redis, managed: {kind: rds, instance: a},", `7: surfaces.redis.managed means nothing for kind redis`},
		"managed by nobody":   {"kind: postgres,", "kind: postgres, managed: {},", "6: surfaces.main.managed: instance is missing: the name of the source at its provider\n6: surfaces.main.managed: kind must be rds, azure-flexible or cnpg"},
		"managed field":       {"kind: postgres,", "kind: postgres, managed: {knid: rds},", `6: unknown key "knid" in surfaces.main.managed; known are accessKeyId, address, authority, `},
		"managed elsewhere":   {"kind: postgres,", "kind: postgres, managed: {kind: rds, instance: a, resourceGroup: g},", `6: surfaces.main.managed: resourceGroup is no setting of kind rds`},
		"managed on a line":   {"{kind: postgres, url: postgres://app:hush-hush@db/app}", "\n    kind: postgres\n    url: postgres://db/app\n    managed:\n      kind: rds\n      instance: a\n      secretAccessKey: hush-hush\n      endpoint: example.com\n      url: hush", "10: surfaces.main.managed: accessKeyId, secretAccessKey go together: accessKeyId is missing\n13: surfaces.main.managed: endpoint must be like https://HOST, without credentials\n14: surfaces.main.managed: url must be like postgres://"},
		"field of both":       {"kind: postgres,", "kind: postgres, knid: redis,", `6: unknown key "knid" in surfaces.main; known are binDir, bucket, caFile, certFile, context, `},
		"target name":         {"", "targets: {isolated: {kind: redis, url: redis://x}}", `10: targets.isolated: the name means something else in a restore`},
		"target is live":      {"", "targets: {t: {kind: redis, url: redis://cache:6379}}", `10: targets.t is the live surface redis itself`},
		"the same Redis":      {"", "targets: {t: {kind: redis, url: redis://user:hush-hush@CACHE/3}}", `10: targets.t is the live surface redis itself`},
		"target in a store":   {"", "targets: {t: {kind: objects, url: objects:///b/copies/}}", `10: targets.t is the store primary itself, or in it`},
		"a folder for Git":    {"", "targets: {t: {kind: git, url: https://git.example.com/a}}", `10: targets.t.url does not fit kind git: it must begin with file://`},
		"policy kind":         {"surface: main,", "surface: main, kind: weekly,", `9: policies.daily.kind "weekly" must be snapshot, base or wal`},
		"wal with a schedule": {"surface: main,", "surface: main, kind: wal,", "9: policies.daily.cron means nothing for kind wal\n9: policies.daily.copies means nothing for kind wal"},
		"base of a Redis":     {"surface: main,", "surface: redis, kind: base,", `9: policies.daily.kind base is for surfaces of kind postgres`},
		"a bad interval":      {"surface: main,", "surface: main, interval: 5,", `9: policies.daily.interval must be a duration such as 5s, 30m or 1h30m`},
		"a bad size":          {"surface: main,", "surface: main, maxRate: fast,", `9: policies.daily.maxRate must be a number of bytes such as 500MB or 2GiB`},
		"interval elsewhere":  {"surface: main,", "surface: main, interval: 5s,", `9: policies.daily.interval is for kind wal`},
		"policy surface":      {"surface: main,", "surface: other,", `9: policies.daily.surface "other" is not among the surfaces (main, redis)`},
		"policy store":        {"store: primary", "store: other", `9: policies.daily.store "other" is not among the stores (disk, primary)`},
		"no policy store":     {"store: primary, copies: [disk]", "", `9: policies.daily.store "" is not among the stores (disk, primary)`},
		"unknown copy":        {"copies: [disk]", "copies: [tape]", `9: policies.daily.copies: "tape" is not among the stores (disk, primary)`},
		"copy to itself":      {"copies: [disk]", "copies: [primary]", `9: policies.daily.copies: "primary" is the policy's store already`},
		"copied twice":        {"copies: [disk]", "copies: [disk, disk]", `9: policies.daily.copies: "disk" is there twice`},
		"the same place":      {"kind: s3, bucket: b", "kind: local, dir: /points", `9: policies.daily.copies: "disk" is the same place as the policy's store "primary"`},
		"verify":              {"surface: main,", "surface: main, verify: maybe,", `9: policies.daily.verify "maybe" must be after or never`},
		"keep":                {"surface: main,", "surface: main, keep: {days: -1},", `9: policies.daily.keep.days is -1; it must be 0 to 100000`},
		"time zone":           {"surface: main,", "surface: main, timeZone: Mars,", `9: policies.daily.timeZone "Mars" is not a time zone`},
		"local time":          {"surface: main,", "surface: main, timeZone: Local,", `9: policies.daily.timeZone must name a zone such as Europe/Berlin, not Local`},
		"no cron":             {`cron: "0 2 * * *", `, "", `9: policies.daily.cron is missing: say when, or set paused: true`},
		"cron":                {"0 2 * * *", "0 2 * *", `9: policies.daily.cron "0 2 * *" is not a schedule`},
		"cron never comes":    {"0 2 * * *", "0 2 31 2 *", `9: policies.daily.cron "0 2 31 2 *" never comes`},
		"cron with zone":      {"0 2 * * *", "CRON_TZ=UTC 0 2 * * *", `9: policies.daily.cron "CRON_TZ=UTC 0 2 * * *" must not name a time zone; use timeZone`},
		"cron in two ways":    {"0 2 * * *", "0 2 1 * 1", `9: policies.daily.cron "0 2 1 * 1" limits the day of the month and the day of the week at once`},
		"key name":            {"", "admin: {keys: [{name: A_b, hash: " + key + ", role: admin}]}", `10: admin.keys.0.name "A_b" must be 1 to 40 lower-case letters, digits or "-"`},
		"key named admin":     {"", "admin: {keys: [{name: admin, hash: " + key + ", role: admin}]}", `10: admin.keys.0.name "admin" is the key of LIFEBOAT_ADMIN_KEY`},
		"key twice":           {"", "admin: {keys: [{name: a, hash: " + key + ", role: admin}, {name: a, hash: " + key + ", role: admin}]}", `10: admin.keys.1.name "a" is there twice`},
		"key hash":            {"", "admin: {keys: [{name: a, hash: hush-hush, role: admin}]}", `10: admin.keys.0.hash must be an argon2id hash`},
		"key role":            {"", "admin: {keys: [{name: a, hash: " + key + ", role: root}]}", `10: admin.keys.0.role "root" must be one of viewer, operator, approver, admin`},
		"several at once":     {"", "listen: x\nparallel: 0", "10: listen \"x\" must be HOST:PORT\n11: parallel is 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := usable + c.new
			if c.old != "" {
				text = strings.Replace(usable, c.old, c.new, 1)
			}
			refused(t, text, c.want)
		})
	}
}

// refused wants a configuration to be refused with these lines, each of which
// is given without the file's name, and without a secret in any of them.
func refused(t *testing.T, text, lines string) {
	t.Helper()
	path := write(t, text)
	_, err := Load(path, []string{"GONE_FILE=/nonexistent/x", "BOTH=a", "BOTH_FILE=/b", "LIFEBOAT_DATA_DIR="})
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("got %v, want a fault of kind invalid", err)
	}
	got := strings.Split(err.Error(), "\n")
	want := strings.Split(lines, "\n")
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d:\n%s", len(got), len(want), err)
	}
	for i := range got {
		if rest, ok := strings.CutPrefix(got[i], path+":"); !ok || !strings.HasPrefix(strings.TrimPrefix(rest, " "), want[i]) &&
			!strings.Contains(rest, want[i]) {
			t.Errorf("got  %s\nwant …:%s", got[i], want[i])
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("a secret is in the message: %s", err)
	}
}

func TestAliasBombIsRefused(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("encryption:\n  recipients: &r [" + strings.Repeat("a,", 500) + "a]\nadmin:\n  keys: [")
	text.WriteString(strings.Repeat("{}, ", 20_000) + "{}]\n")
	_, err := Load(write(t, text.String()), nil)
	if err == nil || !strings.Contains(err.Error(), "more than 20000 values") {
		t.Errorf("got %.200v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(usable, "value")
	f.Add("stores: &a {x: *a}", "")
	f.Add("policies: {a: {cron: '${V}', copies: [&x b, *x]}}", "@daily")
	f.Add("admin: {keys: [{name: ${V}}]}\n---\n", "x")
	f.Add(rehearsed, "-10m")
	f.Add("drills: {a: {after: [b], points: {'': {id: ':'}}, reconcile: [{chain: }, {chain: {url: ':'}}], start: [{env: {'=': '{{.}}'}}]}}", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		c := &Config{origins: origins{}, Evidence: Evidence{Origin: defaultOrigin}}
		found := &problems{}
		env := environment{"V": value}
		parse("f.yaml", []byte(text), env, c, found)
		for _, line := range found.lines {
			if strings.Contains(line, "\n") || !strings.HasPrefix(line, "f.yaml") {
				t.Errorf("a problem is not one line with its origin: %q", line)
			}
		}
		complete(env, c)
		if err := c.Validate(); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("not of kind invalid: %v", err)
		}
		c.Fingerprint()
		c.Warnings()
		for name := range c.Drills {
			if c.PlanDigest(name) == "" || c.ProofParts(name)[PartPlan] == "" {
				t.Errorf("the plan %q has no digest", name)
			}
		}
	})
}
