package observe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

func TestRestartsOfTheLastHour(t *testing.T) {
	t.Parallel()
	var memory map[string]Restarts
	for i, step := range []struct {
		minute               int
		total, want, counted int64
	}{
		{0, 40, 0, 40}, // what was before anybody looked is not of the last hour
		{1, 43, 3, 43},
		{10, 43, 3, 43},
		{11, 45, 5, 45},
		{12, 2, 5, 45}, // the pods were replaced
		{13, 3, 6, 46},
		{62, 3, 6, 46}, // spans of five minutes: the first is over at 65
		{66, 3, 3, 46},
		{75, 3, 0, 46},
	} {
		pods := []status.Pods{{Surface: "apps", Namespace: "shop", Workload: "deployment/api", Restarts: step.total}}
		memory = countRestarts(pods, memory, noon.Add(time.Duration(step.minute)*time.Minute))
		if got := pods[0].RestartsLastHour; got != step.want {
			t.Errorf("step %d: %d restarts in the last hour, want %d", i, got, step.want)
		}
		if got := pods[0].RestartsCounted; got != step.counted {
			t.Errorf("step %d: %d restarts counted, want %d", i, got, step.counted)
		}
	}
	if memory = countRestarts(nil, memory, noon); len(memory) != 0 {
		t.Errorf("a workload that is gone is remembered: %v", memory)
	}
}

// TestAReportHasABound has the worst of very many signs of life left.
func TestAReportHasABound(t *testing.T) {
	t.Parallel()
	s := State{Memory: Memory{Restarts: map[string]Restarts{}}}
	for i := range 20_000 {
		p := status.Pods{Surface: "apps", Namespace: "namespace", Workload: fmt.Sprintf("deployment/%d", i), Wanted: 1, Available: 1}
		if i == 19_999 {
			p.Available = 0
		}
		s.Report.Vitals.Pods = append(s.Report.Vitals.Pods, p)
		s.Memory.Restarts["apps/namespace/"+p.Workload] = Restarts{Total: 1, Seen: map[int64]int64{1: 1}}
		s.Report.Blind = append(s.Report.Blind, strings.Repeat("x", 10_000))
	}
	for i := range 500 {
		s.Report.Alerts = append(s.Report.Alerts, status.Alert{Rule: fmt.Sprint(i), Description: strings.Repeat("x", 500)})
	}
	s = Bounded(s)
	text, err := json.Marshal(s)
	if err != nil || len(text) > MaxState {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	if p := s.Report.Vitals.Pods; len(p) == 0 || p[0].Workload != "deployment/19999" || len(s.Memory.Restarts) != len(p) {
		t.Errorf("%d workloads are left, %d remembered; the first is %+v", len(p), len(s.Memory.Restarts), p[0])
	}
	if len(s.Report.Alerts) != mostAlerts || s.Report.Alerts[0].Rule != "0" {
		t.Errorf("%d alerts are left", len(s.Report.Alerts))
	}
	if all := strings.Join(s.Report.Blind, "\n"); !strings.Contains(all, "are left out") || !strings.Contains(all, "more alerts") {
		t.Error("nobody is told that something is left out")
	}
	small := State{Report: status.Report{Vitals: status.Vitals{Pods: []status.Pods{{Workload: "b"}, {Workload: "a"}}}}}
	if got := Bounded(small); len(got.Report.Vitals.Pods) != 2 || len(got.Report.Blind) != 0 {
		t.Errorf("a small one was cut: %+v", got)
	}
}
