package observe

import (
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// What could not be read keeps what was read of it last, whichever worker did:
// an alert ends because something was found well, never because nobody could
// look. That it was not read stands in the report's Blind.

// unread reports whether what a reading found last says nothing of now, or not all.
func unread[T any](r *reading[T], now time.Time) bool {
	last, _ := r.result()
	return last.at.IsZero() || last.err != nil || now.Sub(last.at) > r.limit()
}

// keepSurfaces gives surfaces what was known of them where it could not be read now.
func (r *Reader) keepSurfaces(now time.Time, surfaces []status.Surface, before status.Report) {
	points := unread(r.listing, now)
	for i := range surfaces {
		s := &surfaces[i]
		was := named(before.Surfaces, *s)
		if points {
			s.Points, s.Bytes = max(s.Points, was.Points), max(s.Bytes, was.Bytes)
			s.LastPoint, s.LastVerified, s.LastProven = newer(s.LastPoint, was.LastPoint), newer(s.LastVerified, was.LastVerified), newer(s.LastProven, was.LastProven)
		}
		w, followed := r.wal[s.Name]
		switch {
		case !followed:
			s.RPOSeconds = age(now, s.LastPoint)
		case !unread(w, now):
		default:
			if s.WAL == nil && r.ships(s.Name) {
				s.WAL = was.WAL
			}
			if was.RPOSeconds != nil {
				// Nobody knows what was stored since.
				s.RPOSeconds = new(*was.RPOSeconds + max(0, now.Sub(before.At).Seconds()))
			}
		}
	}
}

// newer is the newer of two points, either of which may be nil.
func newer(a, b *status.Point) *status.Point {
	if a == nil || b != nil && b.At.After(a.At) {
		return b
	}
	return a
}

// keepVitals gives surfaces and hosts the signs of life that they were seen to
// give where those could not be read now. A list that is nil was not read; an
// empty one was, and there is nothing.
func (r *Reader) keepVitals(now time.Time, out *State, before State) {
	v := &out.Report.Vitals
	for name, read := range r.vitals {
		if !unread(read, now) {
			continue
		}
		last, _ := read.result()
		was, is := vitalsOf(before.Report.Vitals, name), vitalsOf(*v, name)
		if last.value.Pods == nil && len(is.Pods) == 0 {
			v.Pods = append(v.Pods, was.Pods...)
			for _, p := range was.Pods {
				key := p.Surface + "/" + p.Namespace + "/" + p.Workload
				if counted, ok := before.Memory.Restarts[key]; ok && out.Memory.Restarts != nil {
					out.Memory.Restarts[key] = counted
				}
			}
		}
		if last.value.Replicas == nil && len(is.Replicas) == 0 {
			v.Replicas = append(v.Replicas, was.Replicas...)
		}
		if last.value.Disks == nil && len(is.Disks) == 0 {
			v.Disks = append(v.Disks, was.Disks...)
		}
	}
	r.keepCertificates(now, v, before.Report.Vitals)
	r.keepDisks(now, v, before.Report.Vitals)
}

// keepCertificates keeps those of servers that did not answer, and of secrets
// that can't be listed.
func (r *Reader) keepCertificates(now time.Time, v *status.Vitals, before status.Vitals) {
	silent := map[string]bool{}
	if unread(r.shown, now) {
		for _, e := range endpoints(r.s.Config) {
			silent[e.address] = true
		}
	}
	there := map[string]bool{}
	for _, c := range v.Certificates {
		there[c.Surface+" "+c.Where] = true
	}
	v.Certificates = append(v.Certificates, only(before.Certificates, func(c status.Certificate) bool {
		hidden := silent[c.Where]
		if read, ok := r.vitals[c.Surface]; ok && !hidden && strings.Contains(c.Where, "/") {
			last, _ := read.result()
			hidden = unread(read, now) && last.value.Certificates == nil
		}
		return hidden && !there[c.Surface+" "+c.Where]
	})...)
}

// keepDisks keeps those of this host that can't be looked at.
func (r *Reader) keepDisks(now time.Time, v *status.Vitals, before status.Vitals) {
	last, _ := r.disks.result()
	if !unread(r.disks, now) && len(last.value.failed) == 0 {
		return
	}
	ours := map[string]bool{}
	for _, f := range r.folders() {
		ours[r.s.Host+":"+f.path] = true
	}
	v.Disks = append(v.Disks, only(before.Disks, func(d status.Disk) bool {
		return d.Surface == "" && ours[d.Where] &&
			!slices.ContainsFunc(v.Disks, func(is status.Disk) bool { return is.Surface == "" && is.Where == d.Where })
	})...)
}
