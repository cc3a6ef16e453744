package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

func (v *validator) policies() {
	for _, name := range sorted(v.c.Policies) {
		p, path := v.c.Policies[name], "policies."+name
		surface, known := v.c.Surfaces[p.Surface]
		if !known {
			v.refuse(path+".surface", "%s.surface %q is not among the surfaces (%s)", path, p.Surface,
				listed(sorted(v.c.Surfaces)))
		}
		v.destinations(path, "policy", p.Store, p.Copies)
		v.kind(path, p, surface.Kind)
		if p.Kind == KindWAL {
			continue
		}
		if p.Verify != VerifyAfter && p.Verify != VerifyNever {
			v.refuse(path+".verify", "%s.verify %q must be after or never", path, p.Verify)
		}
		v.schedule(path, p.Cron, p.TimeZone)
		if p.Cron == "" && !p.Paused {
			v.refuse(path, "%s.cron is missing: say when, or set paused: true", path)
		}
		v.keep(path+".keep", p.Keep)
	}
}

// destinations checks that something goes to a known store, and its copies elsewhere.
func (v *validator) destinations(path, whose, storeName string, copies []string) {
	primary, known := v.c.Stores[storeName]
	if !known {
		v.refuse(path+".store", "%s.store %q is not among the stores (%s)", path, storeName, listed(sorted(v.c.Stores)))
	}
	for i, name := range copies {
		at := path + ".copies." + strconv.Itoa(i)
		other, known := v.c.Stores[name]
		switch {
		case !known:
			v.refuse(at, "%s.copies: %q is not among the stores (%s)", path, name, listed(sorted(v.c.Stores)))
		case name == storeName:
			v.refuse(at, "%s.copies: %q is the %s's store already", path, name, whose)
		case slices.Contains(copies[:i], name):
			v.refuse(at, "%s.copies: %q is there twice", path, name)
		case place(other) == place(primary):
			v.refuse(at, "%s.copies: %q is the same place as the %s's store %q", path, name, whose, storeName)
		}
	}
}

// place is what makes two stores one and the same.
func place(s store.Config) store.Config {
	return store.Config{
		Kind: s.Kind, Bucket: s.Bucket, Endpoint: s.Endpoint, Container: s.Container, Dir: s.Dir, Prefix: s.Prefix,
		ConnectionString: secret.String(publicConnection(s.ConnectionString)),
	}
}

func (v *validator) keep(path string, k Keep) {
	for _, rule := range []struct {
		name  string
		value int
	}{
		{"days", k.Days},
		{"last", k.Last},
		{"hourly", k.Hourly},
		{"daily", k.Daily},
		{"weekly", k.Weekly},
		{"monthly", k.Monthly},
		{"yearly", k.Yearly},
	} {
		if rule.value < 0 || rule.value > 100_000 {
			v.refuse(path+"."+rule.name, "%s.%s is %d; it must be 0 to 100000", path, rule.name, rule.value)
		}
	}
}

// schedule checks when something comes; an empty cron is for the caller to judge.
func (v *validator) schedule(path, expression, timeZone string) {
	if timeZone == "Local" {
		v.refuse(path+".timeZone", "%s.timeZone must name a zone such as Europe/Berlin, not Local", path)
	} else if _, err := time.LoadLocation(timeZone); err != nil {
		v.refuse(path+".timeZone", "%s.timeZone %q is not a time zone; write one such as Europe/Berlin or UTC", path, timeZone)
	}
	if expression == "" {
		return
	}
	if problem := cronProblem(expression); problem != "" {
		v.refuse(path+".cron", "%s.cron %q %s", path, expression, problem)
	}
}

// cronProblem says what is wrong with a schedule, or nothing.
func cronProblem(expression string) string {
	if strings.Contains(expression, "TZ=") {
		return "must not name a time zone; use timeZone"
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return "is not a schedule: five fields such as \"0 2 * * *\" were expected, or @daily and the like"
	}
	if schedule.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return "never comes"
	}
	// Cron programs take the two fields as "or", Temporal as "and".
	if fields := strings.Fields(expression); len(fields) == 5 && !strings.HasPrefix(fields[2], "*") &&
		fields[2] != "?" && !strings.HasPrefix(fields[4], "*") && fields[4] != "?" {
		return "limits the day of the month and the day of the week at once, which is read in two ways; write one for each"
	}
	return ""
}

// listed names what there is, for a message.
func listed(names []string) string {
	if len(names) == 0 {
		return "there are none"
	}
	return strings.Join(names, ", ")
}
