package observe

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// vitalsWithin bounds one look at a surface.
const vitalsWithin = time.Minute

func (r *Reader) vitalReadings() map[string]*reading[status.Vitals] {
	out := map[string]*reading[status.Vitals]{}
	for name, s := range r.s.Surfaces {
		observed, ok := s.(surface.Observed)
		if !ok {
			continue
		}
		out[name] = &reading[status.Vitals]{every: look, within: vitalsWithin, read: observed.Observe}
	}
	return out
}

// vitalsNow are the signs of life of all surfaces, and of the hosts.
func (r *Reader) vitalsNow(now time.Time, before State, b *blind) (status.Vitals, map[string]Restarts) {
	out := status.Vitals{Pods: []status.Pods{}, Replicas: []status.Replica{}, Certificates: []status.Certificate{}, Disks: []status.Disk{}}
	for _, name := range slices.Sorted(maps.Keys(r.vitals)) {
		found, _, line := fresh(r.vitals[name], "the signs of life of surface "+name, now)
		b.add(line)
		if begins(r.vitals[name], now) {
			found = vitalsOf(before.Report.Vitals, name)
		}
		add(&out, found, name)
		if !unread(r.vitals[name], now) {
			out.Replicas = append(out.Replicas, gone(vitalsOf(out, name).Replicas, vitalsOf(before.Report.Vitals, name).Replicas, before.Report.At, now)...)
		}
	}
	for _, read := range []*reading[signs]{r.shown, r.disks} {
		found, _, line := fresh(read, "certificates and disks", now)
		b.add(line)
		for _, line := range found.failed {
			b.add(line)
		}
		out.Certificates = append(out.Certificates, found.certificates...)
		out.Disks = append(out.Disks, found.disks...)
	}
	restarts := countRestarts(out.Pods, before.Memory.Restarts, now)
	return out, restarts
}

// vitalsOf are the signs of life of one surface.
func vitalsOf(all status.Vitals, name string) status.Vitals {
	return status.Vitals{
		Pods:         only(all.Pods, func(p status.Pods) bool { return p.Surface == name }),
		Replicas:     only(all.Replicas, func(r status.Replica) bool { return r.Surface == name }),
		Certificates: only(all.Certificates, func(c status.Certificate) bool { return c.Surface == name }),
		Disks:        only(all.Disks, func(d status.Disk) bool { return d.Surface == name }),
	}
}

func only[T any](all []T, keep func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool { return !keep(one) })
}

// add puts the signs of life of a surface with those of others.
func add(all *status.Vitals, found status.Vitals, surface string) {
	for _, p := range found.Pods {
		p.Surface = cmp.Or(p.Surface, surface)
		all.Pods = append(all.Pods, p)
	}
	for _, p := range found.Replicas {
		p.Surface = cmp.Or(p.Surface, surface)
		all.Replicas = append(all.Replicas, p)
	}
	for _, c := range found.Certificates {
		c.Surface = cmp.Or(c.Surface, surface)
		all.Certificates = append(all.Certificates, c)
	}
	for _, d := range found.Disks {
		d.Surface = cmp.Or(d.Surface, surface)
		all.Disks = append(all.Disks, d)
	}
}

// Restarts are those of the pods of one workload, as they were counted.
type Restarts struct {
	// Total is what was counted last.
	Total int64 `json:"total"`
	// Counted are those at the first look, and all that was seen since.
	Counted int64 `json:"counted,omitempty"`
	// Seen are the restarts of the last hour, each with when it was seen: by
	// spans of spanOfRestarts, as seconds since 1970 of their beginnings.
	Seen map[int64]int64 `json:"seen,omitempty"`
}

// spanOfRestarts is how finely restarts are remembered.
const spanOfRestarts = 5 * time.Minute

// countRestarts fills in how many restarts were seen in the last hour: by how
// much the count of a workload has grown from look to look. A pod that went took
// its count along, and what it had is not counted against others.
func countRestarts(pods []status.Pods, before map[string]Restarts, now time.Time) map[string]Restarts {
	out := make(map[string]Restarts, len(pods))
	for i := range pods {
		p := &pods[i]
		name := p.Surface + "/" + p.Namespace + "/" + p.Workload
		was, known := before[name]
		is := Restarts{Total: p.Restarts, Counted: max(was.Counted, was.Total), Seen: map[int64]int64{}}
		if !known {
			is.Counted = p.Restarts
		}
		for at, n := range was.Seen {
			if now.Sub(time.Unix(at, 0)) < time.Hour+spanOfRestarts {
				is.Seen[at] = n
			}
		}
		if grown := p.Restarts - was.Total; known && grown > 0 {
			is.Seen[now.Truncate(spanOfRestarts).Unix()] += grown
			is.Counted += grown
		}
		p.RestartsCounted = is.Counted
		for _, n := range is.Seen {
			p.RestartsLastHour += n
		}
		out[name] = is
	}
	return out
}
