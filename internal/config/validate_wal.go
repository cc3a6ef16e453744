package config

import (
	"strings"
	"time"
)

// The bounds of Policy.Interval.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = time.Hour
)

// minHoldBack is a few segments: less would be used up by an ordinary pause.
const minHoldBack = 128 << 20

// kind checks what a policy says against its kind.
func (v *validator) kind(path string, p Policy, surfaceKind string) {
	switch p.Kind {
	case KindSnapshot, KindBase, KindWAL:
	default:
		v.refuse(path+".kind", "%s.kind %q must be snapshot, base or wal", path, p.Kind)
		return
	}
	if p.Kind != KindSnapshot && surfaceKind != "" && surfaceKind != "postgres" {
		v.refuse(path+".kind", "%s.kind %s is for surfaces of kind postgres", path, p.Kind)
	}
	for _, field := range []struct {
		name, kind string
		set        bool
	}{
		{"maxRate", KindBase, p.MaxRate != 0},
		{"incrementals", KindBase, p.Incrementals != 0},
		{"interval", KindWAL, p.Interval != 0},
		{"holdBack", KindWAL, p.HoldBack != 0},
		{"slot", KindWAL, p.Slot != ""},
		{"push", KindWAL, p.Push},
		{"marker", KindWAL, p.Marker},
	} {
		if field.set && p.Kind != field.kind {
			v.refuse(path+"."+field.name, "%s.%s is for kind %s", path, field.name, field.kind)
		}
	}
	switch p.Kind {
	case KindBase:
		v.base(path, p)
	case KindWAL:
		v.wal(path, p)
	}
}

func (v *validator) base(path string, p Policy) {
	// PostgreSQL takes MAX_RATE from 32 kB to 1 GB a second.
	if p.MaxRate != 0 && (p.MaxRate < 32<<10 || p.MaxRate > 1<<30) {
		v.refuse(path+".maxRate", "%s.maxRate must be from 32KiB to 1GiB a second", path)
	}
	if p.Incrementals < 0 || p.Incrementals > 1000 {
		v.refuse(path+".incrementals", "%s.incrementals must be 0 to 1000", path)
	}
}

func (v *validator) wal(path string, p Policy) {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"cron", p.Cron != ""},
		{"copies", len(p.Copies) > 0},
		{"keep", p.Keep != Keep{}},
		{"verify", p.Verify != ""},
	} {
		if field.set {
			v.refuse(path+"."+field.name, "%s.%s means nothing for kind wal: it runs without end, to one store, and keeps what the base backups there need",
				path, field.name)
		}
	}
	if p.Interval.Of() < minInterval || p.Interval.Of() > maxInterval {
		v.refuse(path+".interval", "%s.interval must be from %v to %v", path, minInterval, maxInterval)
	}
	if p.HoldBack < minHoldBack {
		v.refuse(path+".holdBack", "%s.holdBack must be at least 128MiB", path)
	}
	if len(p.Slot) > 63 || strings.Trim(p.Slot, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		v.refuse(path+".slot", "%s.slot %q must be at most 63 lower-case letters, digits or \"_\"", path, p.Slot)
	}
	for _, other := range sorted(v.c.Policies) {
		o := v.c.Policies[other]
		if "policies."+other > path && o.Kind == KindWAL && o.Surface == p.Surface && o.Store == p.Store {
			v.refuse("policies."+other, "policies.%s and %s ship the same WAL to the same store", other, path)
		}
	}
}
