package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// proven is a configuration whose plan q proves something of all its parts.
const proven = `encryption: {recipients: [age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj]}
stores:
  primary: {kind: s3, bucket: b, region: r1, accessKeyId: i, secretAccessKey: s1, caFile: /ca, lockDays: 3}
  copy: {kind: azure, container: c, connectionString: "AccountName=x;AccountKey=k1"}
  other: {kind: local, dir: /other}
surfaces:
  main: {kind: postgres, url: "postgres://app:p1@db/app", standbyUrl: "postgres://app:s1@standby/app", binDir: /usr/bin}
  redis: {kind: redis, url: redis://cache:6379}
  cloud: {kind: postgres, url: postgres://cloud/app, managed: {kind: rds, instance: orders, accessKeyId: i, secretAccessKey: m1}}
  aside: {kind: redis, url: redis://aside:6379}
targets: {staging: {kind: redis, url: redis://staging}}
policies:
  main-daily: {surface: main, cron: "0 2 * * *", store: other, keep: {days: 30}}
  main-base: {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 30}}
  main-wal: {surface: main, kind: wal, store: primary, interval: 5s}
  redis-daily: {surface: redis, cron: "0 2 * * *", store: primary, copies: [copy]}
  aside-daily: {surface: aside, cron: "0 4 * * *", store: other}
drills:
  q:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, redis, cloud]
    points: {redis: {store: copy}}
    targets: {rto: 30m}
    start: [{command: [api], env: {TOKEN: t1}}]
    checks: [{kind: http, url: "http://127.0.0.1:8080", headers: {X-Key: h1}}]
    reconcile: [{kind: chain, surface: main, chain: {url: "https://user:w1@node/v2/n1?key=n2", chainId: 1, height: SELECT 1}}]
    signOff: {within: 7d}
    routeSwitch: section 7
    owner: ada
  r:
    surfaces: [redis]
    owner: ada
  talk: {kind: tabletop, steps: [a], owner: ada}
`

func loaded(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Load(write(t, text), []string{"LIFEBOAT_DATA_DIR=/d"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Exactly what a change touches is un-proved by it.
func TestProofParts(t *testing.T) {
	t.Parallel()
	const everything = "keys plan policies:cloud policies:main policies:redis restore-path route-switch " +
		"store:copy store:primary surface:cloud surface:main surface:redis"
	before := loaded(t, proven)
	parts := before.ProofParts("q")
	if got := strings.Join(slices.Sorted(maps.Keys(parts)), " "); got != everything {
		t.Fatalf("the parts are\n%s, want\n%s", got, everything)
	}
	digest := regexp.MustCompile(`^[0-9a-f]{16}$`)
	for name, part := range parts {
		if !digest.MatchString(part) {
			t.Errorf("%s is %q", name, part)
		}
	}
	for _, c := range []struct{ old, new, changed string }{
		{"age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z", "keys"},
		{"recipients: [age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj]", "passphrase: enough", "keys"},
		{"bucket: b", "bucket: c", "store:primary"},
		{"region: r1", "region: r2", "store:primary"},
		{"region: r1", "endpoint: https://s3.example.com", "store:primary"},
		{"bucket: b", "bucket: b, prefix: p", "store:primary"},
		{"AccountName=x", "AccountName=y", "store:copy"},
		{"dir: /other", "dir: /another", ""},
		{"@db/app", "@db2/app", "surface:main"},
		{"app:p1@db", "admin:p1@db", "surface:main"},
		{"@standby/", "@standby2/", "surface:main"},
		{"binDir: /usr/bin", "binDir: /bin", "surface:main"},
		{"redis://cache:6379", "redis://cache:6380", "surface:redis"},
		{"instance: orders", "instance: invoices", "surface:cloud"},
		{"redis://aside:6379", "redis://aside:6380", ""},
		{"redis://staging", "redis://staged", ""},
		{"cron: \"0 2 * * *\", store: other", "cron: \"0 3 * * *\", store: other", "policies:main"},
		{"store: primary, keep: {days: 30}", "store: primary, keep: {days: 31}", "policies:main"},
		{"interval: 5s", "interval: 6s", "policies:main"},
		{"copies: [copy]", "copies: [copy, other]", "policies:redis"},
		{"store: primary, interval", "store: other, interval", "policies:main store:other"},
		{"\"0 4 * * *\"", "\"0 5 * * *\"", ""},
		{"targets: {staging", "compression: {level: 3}\ntargets: {staging", "restore-path"},
		{"targets: {staging", "pointsPrefix: elsewhere\ntargets: {staging", "restore-path"},
		{"targets: {staging", "parallel: 4\ntargets: {staging", "restore-path"},
		{"targets: {staging", "listen: 127.0.0.1:9\ntargets: {staging", ""},
		{"targets: {staging", "evidence: {store: copy}\ntargets: {staging", ""},
		{"section 7", "section 8", "route-switch"},
		{"rto: 30m", "rto: 1h", "plan"},
		{"[api]", "[api2]", "plan"},
		{"8080", "8081", "plan"},
		{"@node/", "@node2/", "plan"},
		{"redis: {store: copy}", "redis: {store: copy, select: random}", "plan"},
		{"redis: {store: copy}", "redis: {store: other}", "plan store:copy store:other"},
		{"surfaces: [redis]", "surfaces: [main]", ""},
		// When it comes, who takes part and how it is signed off proves nothing.
		{"0 6 1 1,4,7,10 *", "0 7 1 1,4,7,10 *", ""},
		{"surfaces: [main, redis, cloud]", "surfaces: [main, redis, cloud]\n    paused: true", ""},
		{"within: 7d", "within: 8d, approvers: [anna]", ""},
		{"owner: ada", "owner: grace", ""},
		// Nor does the value of a secret.
		{"s1, caFile", "s2, caFile", ""},
		{"accessKeyId: i, secretAccessKey: s1, caFile: /ca", "accessKeyId: j, secretAccessKey: s1, caFile: /ca", ""},
		{"AccountKey=k1", "AccountKey=k2", ""},
		{"app:p1@", "app:p2@", ""},
		{"app:s1@", "app:s2@", ""},
		{"secretAccessKey: m1", "secretAccessKey: m2", ""},
		{"TOKEN: t1", "TOKEN: t2", ""},
		{"X-Key: h1", "X-Key: h2", ""},
		{"user:w1@", "user:w2@", ""},
		{"/v2/n1?key=n2", "/v2/n3?key=n4", ""},
	} {
		if !strings.Contains(proven, c.old) {
			t.Fatalf("%q is not in the configuration", c.old)
		}
		after := loaded(t, strings.Replace(proven, c.old, c.new, 1)).ProofParts("q")
		var changed []string
		names := maps.Clone(parts)
		maps.Copy(names, after)
		for name := range names {
			if parts[name] != after[name] {
				changed = append(changed, name)
			}
		}
		slices.Sort(changed)
		if got := strings.Join(changed, " "); got != c.changed {
			t.Errorf("%q for %q changed %q, want %q", c.new, c.old, got, c.changed)
		}
	}
	if got := strings.Join(slices.Sorted(maps.Keys(before.ProofParts("talk"))), " "); got != "plan route-switch" {
		t.Errorf("a tabletop proves %s", got)
	}
	if got := before.ProofParts("none"); got == nil || len(got) > 0 {
		t.Errorf("no plan proves %v", got)
	}
}

// A plan's digest counts all of it but the values of secrets, and the
// configuration's fingerprint nothing of it.
func TestPlanDigest(t *testing.T) {
	t.Parallel()
	c := loaded(t, proven)
	first := c.PlanDigest("q")
	if !seal.ValidDigest(first) {
		t.Fatalf("%q is not a digest", first)
	}
	if c.PlanDigest("none") != "" || c.PlanDigest("r") == first {
		t.Error("another plan has the same digest, or one that is not there has any")
	}
	for _, change := range []struct {
		old, new string
		changes  bool
	}{
		{"0 6 1 1,4,7,10 *", "0 7 1 1,4,7,10 *", true},
		{"rto: 30m", "rto: 31m", true},
		{"owner: ada", "owner: grace", true},
		{"within: 7d", "within: 8d", true},
		{"section 7", "section 8", true},
		{"@node/", "@node2/", true},
		{"headers: {X-Key: h1}", "headers: {Y-Key: h1}", true},
		{"owner: ada", "owner: ada\n    timeZone: UTC", false},
		{"X-Key: h1", "X-Key: h2", false},
		{"TOKEN: t1", "TOKEN: t2", false},
		{"user:w1@node/v2/n1?key=n2", "user:w2@node/v2/n3?key=n4", false},
		{"bucket: b", "bucket: c", false},
		{"surfaces: [redis]", "surfaces: [main]", false},
	} {
		after := loaded(t, strings.Replace(proven, change.old, change.new, 1))
		if changed := after.PlanDigest("q") != first; changed != change.changes {
			t.Errorf("%q for %q: changed is %v", change.new, change.old, changed)
		}
	}
	withoutDrills, _, _ := strings.Cut(proven, "drills:")
	for _, text := range []string{withoutDrills, proven + "evidence: {store: other}\n"} {
		if loaded(t, text).Fingerprint() != c.Fingerprint() {
			t.Error("drills or evidence changed the fingerprint of the configuration")
		}
	}
}

func TestDrillStores(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, surface, want string }{
		{"", "", "main", "primary"},
		{"", "", "redis", "copy"},
		{"", "", "cloud", ""},
		{"", "", "aside", ""},
		{"points: {", "points: {main: {select: snapshot}, ", "main", "other"},
		{"points: {", "points: {main: {select: random}, ", "main", "other"},
		{"points: {", "points: {main: {id: '01'}, ", "main", "other"},
		{"points: {", "points: {main: {id: 'copy:01', store: other}, ", "main", "copy"},
		{"points: {", "points: {main: {at: -10m}, ", "main", "primary"},
		{"points: {", "points: {cloud: {select: snapshot}, ", "cloud", "copy"},
		{"points: {", "store: other\n    points: {", "main", "other"},
		{"points: {", "store: other\n    points: {", "redis", "copy"},
		{"store: primary, interval", "store: copy, interval", "main", "copy primary"},
		{"  main-wal: {surface: main, kind: wal, store: primary, interval: 5s}\n", "", "main", "other"},
	} {
		cfg := loaded(t, strings.Replace(proven, c.old, c.new, 1))
		if got := strings.Join(cfg.DrillStores("q", c.surface), " "); got != c.want {
			t.Errorf("with %q %s is read from %q, want %q", c.new, c.surface, got, c.want)
		}
	}
}

func TestDrillWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{"within: 7d", "approvers: [anna, admin]", `drills.q.signOff.approvers: there is no key "anna": until one of that name is made, it can't sign`},
		{"within: 7d", "approvers: [bea]", ""},
		{"points: {", "points: {main: {select: moment, at: -10m}, cloud: {select: moment, at: -10m}, ", ""},
		{"[a], owner: ada}", "[a]}", "drills.talk has no owner: nobody is named to mend what it finds"},
		{"surfaces: [redis]", "surfaces: [redis]\n    store: other", `drills.r reads redis from the store other, and no policy puts anything of it there`},
		{"points: {", "points: {cloud: {select: snapshot}, ", `drills.q reads cloud from the store copy, and no policy puts anything of it there`},
	} {
		cfg := loaded(t, strings.Replace(proven, c.old, c.new, 1))
		if got := strings.Join(cfg.Warnings("bea"), "\n"); got != c.want {
			t.Errorf("with %q it warns of\n%s\nwant\n%s", c.new, got, c.want)
		}
	}
}

// A plan that recovers to a moment needs what leads to one.
func TestDrillOfAMomentWithoutWAL(t *testing.T) {
	t.Parallel()
	moment := strings.Replace(proven, "points: {", "points: {main: {select: moment, at: -10m}, ", 1)
	for _, without := range []string{"  main-wal: {", "  main-base: {"} {
		at := strings.Index(moment, without)
		cfg := loaded(t, moment[:at]+moment[at+strings.Index(moment[at:], "\n")+1:])
		const want = "drills.q recovers main to a moment, for which there is no provider, nor a policy of kind base and one of kind wal"
		if got := strings.Join(cfg.Warnings(), "\n"); got != want {
			t.Errorf("without%s it warns of %q", without, got)
		}
	}
}
