package observe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// MaxState is how large a State may be as JSON: Temporal takes no payload of
	// more than 2 MiB, and warns from 512 KiB on.
	MaxState = 1 << 20
	// maxLine bounds one line of Blind, in bytes; the errors of libraries may be long.
	maxLine = 600
	// mostAlerts is how many alerts there may be; the worst come first.
	mostAlerts = 200
	// mostBlind is how many lines of Blind there may be.
	mostBlind = 200
)

// Bounded cuts lists, those without a word of trouble first, until a State has
// room where it is kept, and says so.
func Bounded(s State) State {
	v := &s.Report.Vitals
	for i, line := range s.Report.Blind {
		if len(line) > maxLine {
			s.Report.Blind[i] = line[:maxLine] + "…"
		}
	}
	if n := len(s.Report.Blind); n > mostBlind {
		s.Report.Blind = append(s.Report.Blind[:mostBlind], fmt.Sprintf("and %d more", n-mostBlind))
	}
	if n := len(s.Report.Alerts); n > mostAlerts {
		s.Report.Alerts = s.Report.Alerts[:mostAlerts]
		s.Report.Blind = append(s.Report.Blind, fmt.Sprintf("%d more alerts are left out: a report has room for %d", n-mostAlerts, mostAlerts))
	}
	for most := 2000; size(s) > MaxState && most >= 125; most /= 2 {
		cut := 0
		v.Pods = cutTo(v.Pods, most, &cut, func(a, b status.Pods) int {
			return cmp.Or(cmp.Compare(b.Wanted-b.Available, a.Wanted-a.Available), cmp.Compare(b.RestartsLastHour, a.RestartsLastHour))
		})
		v.Disks = cutTo(v.Disks, most, &cut, func(a, b status.Disk) int { return cmp.Compare(fullness(b), fullness(a)) })
		v.Certificates = cutTo(v.Certificates, most, &cut, func(a, b status.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
		v.Replicas = cutTo(v.Replicas, most, &cut, func(a, b status.Replica) int { return cmp.Compare(b.LagBytes, a.LagBytes) })
		forget(&s)
		if cut > 0 {
			s.Report.Blind = append(s.Report.Blind, fmt.Sprintf("%d signs of life that looked best are left out: a report has room for %d of a kind", cut, most))
		}
	}
	return s
}

func size(s State) int {
	text, err := json.Marshal(s)
	if err != nil {
		return MaxState + 1
	}
	return len(text)
}

// cutTo keeps those that come first in order, in the order that they had.
func cutTo[T any](all []T, most int, cut *int, order func(a, b T) int) []T {
	if len(all) <= most {
		return all
	}
	worst := slices.Clone(all)
	slices.SortStableFunc(worst, order)
	*cut += len(all) - most
	return worst[:most]
}

func fullness(d status.Disk) float64 {
	if d.Size <= 0 {
		return 0
	}
	return float64(d.Used) / float64(d.Size)
}

// forget drops what is remembered of workloads that were cut.
func forget(s *State) {
	kept := map[string]Restarts{}
	for _, p := range s.Report.Vitals.Pods {
		name := p.Surface + "/" + p.Namespace + "/" + p.Workload
		kept[name] = s.Memory.Restarts[name]
	}
	s.Memory.Restarts = kept
}
