package pitr_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// wanted is what a plan is to be, or why there is none.
type wanted struct {
	base     string
	timeline uint32
	// until is in segments: recovery ends there, or at most a segment later when
	// about is set.
	until    float64
	about    bool
	endOfWAL bool
	expected float64 // minutes
	setting  string  // "name=value" that must be there
	// kind and says are of the error.
	kind fault.Kind
	says []string
}

func time1(m float64) pitr.Target { return pitr.Target{Kind: pitr.AtTime, Time: minute(m)} }

func TestChoose(t *testing.T) {
	t.Parallel()
	const commit = 64.0 / size // how long a commit's record is
	inclusive := "recovery_target_inclusive=true"
	for name, test := range map[string]struct {
		world  func() *written
		change func(w *written)
		target pitr.Target
		want   wanted
	}{
		"a time": {plain, nil, time1(161), wanted{base: "b12", timeline: 1, until: 16.15 + commit, expected: 160.5,
			setting: "recovery_target_time=2026-10-01 02:41:00.000000+00"}},
		"the time of a commit is included": {plain, nil, time1(160.5), wanted{base: "b12", timeline: 1, until: 16.15 + commit, expected: 160.5, setting: inclusive}},
		"the time of a commit, exclusive": {plain, nil, pitr.Target{Kind: pitr.AtTime, Time: minute(160.5), Exclusive: true},
			wanted{base: "b12", timeline: 1, until: 16.05 + commit, expected: 159.5, setting: "recovery_target_inclusive=false"}},
		"a part of a microsecond before a commit": {plain, nil, pitr.Target{Kind: pitr.AtTime, Time: minute(160.5).Add(-1)},
			wanted{base: "b12", timeline: 1, until: 16.05 + commit, expected: 159.5, setting: "recovery_target_time=2026-10-01 02:40:29.999999+00"}},
		"a part of a microsecond after a commit, exclusive": {plain, nil, pitr.Target{Kind: pitr.AtTime, Time: minute(160.5).Add(1), Exclusive: true},
			wanted{base: "b12", timeline: 1, until: 16.15 + commit, expected: 160.5, setting: "recovery_target_time=2026-10-01 02:40:30.000001+00"}},
		"a timeline that nobody knows": {plain, nil, pitr.Target{Kind: pitr.AtLatest, Timeline: 9}, wanted{kind: fault.Missing, says: []string{"timeline 9", "newest is 1"}}},
		"right after a base":           {plain, nil, time1(203), wanted{base: "b20", timeline: 1, until: 20.35 + commit, expected: 202.5}},
		"while a base was made":        {plain, nil, time1(202), wanted{base: "b12", timeline: 1, until: 20.25 + commit, expected: 201.5}},
		"in the open segment":          {plain, nil, time1(303), wanted{base: "b25", timeline: 1, until: 30.35 + commit, expected: 302.5}},
		"the last commit":              {plain, nil, time1(304.5), wanted{base: "b25", timeline: 1, until: 30.5, endOfWAL: true, expected: 304.5, setting: "recovery_target_timeline=1"}},
		"after the last commit":        {plain, nil, time1(305), wanted{kind: fault.Missing, says: []string{"05:04:30Z", "latest"}}},
		"just before the first base":   {plain, nil, time1(122), wanted{kind: fault.Missing, says: []string{"before", "02:02:30Z", "0/C40000"}}},
		"long before the first base":   {plain, nil, time1(-9e5), wanted{kind: fault.Missing, says: []string{"before the end of the first base"}}},
		"after the last commit, when nothing happened since": {plain, func(w *written) {
			w.holdings.Timelines[0].KnownUntil = minute(310)
		}, time1(309), wanted{base: "b25", timeline: 1, until: 30.5, endOfWAL: true, expected: 304.5}},
		"an abort is a place to stop": {plain, func(w *written) {
			w.end(1, 30.46, 304.6, false)
		}, time1(304.5), wanted{base: "b25", timeline: 1, until: 30.46 + commit, expected: 304.5}},
		"a base's clock that is ahead": {plain, func(w *written) { w.holdings.Bases[2].StoppedAt = minute(290) },
			time1(280), wanted{base: "b20", timeline: 1, until: 28.05 + commit, expected: 279.5}},
		"a base's clock that is behind": {plain, func(w *written) { w.holdings.Bases[2].StoppedAt = minute(200) },
			time1(255), wanted{base: "b20", timeline: 1, until: 25.55 + commit, expected: 254.5}},

		"a position": {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(16.02)}, wanted{base: "b12", timeline: 1, until: 16.02, about: true, expected: 159.5,
			setting: "recovery_target_lsn=" + at(16.02).String()}},
		"a commit's position":            {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(16.05)}, wanted{base: "b12", timeline: 1, until: 16.05, about: true, expected: 160.5, setting: inclusive}},
		"a commit's position, exclusive": {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(16.05), Exclusive: true}, wanted{base: "b12", timeline: 1, until: 16.05, about: true, expected: 159.5}},
		"a base's end":                   {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(20.25)}, wanted{base: "b20", timeline: 1, until: 20.25, about: true, expected: 202.5}},
		"a position within a base":       {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(20.25) - 8}, wanted{base: "b12", timeline: 1, until: 20.25, about: true, expected: 201.5}},
		"the end of the WAL":             {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(30.5)}, wanted{base: "b25", timeline: 1, until: 30.5, endOfWAL: true, expected: 304.5}},
		"the end of the WAL as a server tells it": {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(30.5) + 24},
			wanted{base: "b25", timeline: 1, until: 30.5, endOfWAL: true, expected: 304.5}},
		"behind the end of the WAL":          {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(30.5) + 25}, wanted{kind: fault.Missing, says: []string{"0/1E80000", "latest"}}},
		"far behind the end of the WAL":      {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(99)}, wanted{kind: fault.Missing, says: []string{"0/1E80000"}}},
		"a position before the first base":   {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(12)}, wanted{kind: fault.Missing, says: []string{"earliest", "02:02:30Z"}}},
		"a position before everything":       {plain, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(2)}, wanted{kind: fault.Missing, says: []string{"earliest"}}},
		"no position":                        {plain, nil, pitr.Target{Kind: pitr.AtLSN}, wanted{kind: fault.Invalid}},
		"a transaction":                      {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 1605}, wanted{base: "b12", timeline: 1, until: 16.05 + commit, expected: 160.5, setting: "recovery_target_xid=1605"}},
		"a transaction, exclusive":           {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 1605, Exclusive: true}, wanted{base: "b12", timeline: 1, until: 16.05 + commit, expected: 159.5}},
		"the last transaction":               {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 3045}, wanted{base: "b25", timeline: 1, until: 30.45 + commit, expected: 304.5}},
		"a transaction that is still to end": {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 3055}, wanted{kind: fault.Missing, says: []string{"3055"}}},
		"a transaction that wrote nothing":   {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 1606}, wanted{kind: fault.Missing, says: []string{"subtransactions"}}},
		"a transaction that took long": {plain, func(w *written) {
			w.endings[1] = append(w.endings[1], wal.Ending{XID: 1300, Start: at(27.01), End: at(27.01) + 64, At: minute(270.1), Committed: true})
		}, pitr.Target{Kind: pitr.AtXID, XID: 1300}, wanted{base: "b25", timeline: 1, until: 27.01 + commit, expected: 270.1}},
		"a transaction before the first base": {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 1205}, wanted{kind: fault.Missing, says: []string{"earliest"}}},
		"no transaction":                      {plain, nil, pitr.Target{Kind: pitr.AtXID, XID: 2}, wanted{kind: fault.Invalid}},

		"a name":                  {plain, nil, pitr.Target{Kind: pitr.AtName, Name: "release"}, wanted{base: "b12", timeline: 1, until: 15.5, expected: 154.5, setting: "recovery_target_name=release"}},
		"an unknown name":         {plain, nil, pitr.Target{Kind: pitr.AtName, Name: "relaese"}, wanted{kind: fault.Missing, says: []string{"relaese"}}},
		"a name of several":       {plain, nil, pitr.Target{Kind: pitr.AtName, Name: "twice"}, wanted{kind: fault.Invalid, says: []string{"several", at(13).String()}}},
		"a name no longer double": {plain, func(w *written) { w.holdings.Bases = append(w.holdings.Bases, base("b14", 1, 13.5, 14)) }, pitr.Target{Kind: pitr.AtName, Name: "twice"}, wanted{base: "b14", timeline: 1, until: 18, expected: 179.5}},
		"no name":                 {plain, nil, pitr.Target{Kind: pitr.AtName}, wanted{kind: fault.Invalid}},

		"latest":         {plain, nil, pitr.Target{Kind: pitr.AtLatest}, wanted{base: "b25", timeline: 1, until: 30.5, endOfWAL: true, expected: 304.5}},
		"immediate":      {plain, nil, pitr.Target{Kind: pitr.AtImmediate}, wanted{base: "b25", timeline: 1, until: 25.75, expected: 256.5, setting: "recovery_target=immediate"}},
		"an odd kind":    {plain, nil, pitr.Target{Kind: "epoch"}, wanted{kind: fault.Invalid}},
		"no base":        {plain, func(w *written) { w.holdings.Bases = nil }, pitr.Target{Kind: pitr.AtLatest}, wanted{kind: fault.Missing, says: []string{"no base backup"}}},
		"no WAL":         {plain, func(w *written) { w.holdings.Timelines = nil }, pitr.Target{Kind: pitr.AtLatest}, wanted{kind: fault.Missing, says: []string{"needs the WAL"}}},
		"nothing at all": {plain, func(w *written) { w.holdings.Bases, w.holdings.Timelines = nil, nil }, time1(160), wanted{kind: fault.Missing}},
		"a hole in the open segment": {plain, func(w *written) {
			w.holdings.Timelines[0].Open = []pitr.OpenChunk{{From: at(30), To: at(30.125)}, {From: at(30.25), To: at(30.5)}}
			w.endings[1] = slices.DeleteFunc(w.endings[1], func(e wal.Ending) bool { return e.Start > at(30.125) })
		}, pitr.Target{Kind: pitr.AtLatest}, wanted{base: "b25", timeline: 1, until: 30.125, about: true, endOfWAL: true, expected: 300.5}},

		"an incremental base": {plain, func(w *written) { w.holdings.Bases[0].Parent = "b12"; w.holdings.Bases[2].Parent = "b20" },
			time1(280), wanted{base: "b25", timeline: 1, until: 28.05 + commit, expected: 279.5}},
		"an incremental base without its parent": {plain, func(w *written) { w.holdings.Bases[2].Parent = "gone" },
			time1(280), wanted{base: "b20", timeline: 1, until: 28.05 + commit, expected: 279.5}},
		"incremental bases in a circle": {plain, func(w *written) { w.holdings.Bases[2].Parent = "b25" },
			time1(280), wanted{base: "b20", timeline: 1, until: 28.05 + commit, expected: 279.5}},

		"before a gap":           {gapped, nil, time1(215), wanted{base: "b20", timeline: 1, until: 21.55 + commit, expected: 214.5}},
		"in a gap":               {gapped, nil, time1(225), wanted{kind: fault.Missing, says: []string{at(22).String(), at(24).String(), "03:39:30Z", "04:17:30Z"}}},
		"after a gap, no base":   {gapped, nil, time1(245), wanted{kind: fault.Missing, says: []string{"missing", "04:17:30Z"}}},
		"after a gap and a base": {gapped, nil, time1(265), wanted{base: "b25", timeline: 1, until: 26.55 + commit, expected: 264.5}},
		"latest after a gap":     {gapped, nil, pitr.Target{Kind: pitr.AtLatest}, wanted{base: "b25", timeline: 1, until: 30.5, endOfWAL: true, expected: 304.5}},
		"latest after a gap, no base": {gapped, func(w *written) { w.holdings.Bases = w.holdings.Bases[:2] }, pitr.Target{Kind: pitr.AtLatest},
			wanted{kind: fault.Missing, says: []string{"no base backup lies after it", "03:39:30Z"}}},
		"a position in a gap":                        {gapped, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(22.5)}, wanted{kind: fault.Missing, says: []string{at(22).String()}}},
		"a position at a gap":                        {gapped, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(22)}, wanted{kind: fault.Missing, says: []string{at(24).String()}}},
		"a position before a gap":                    {gapped, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(22) - 64}, wanted{base: "b20", timeline: 1, until: 22, expected: 219.5}},
		"a position in the last record before a gap": {gapped, nil, pitr.Target{Kind: pitr.AtLSN, LSN: at(22) - 8}, wanted{kind: fault.Missing, says: []string{at(24).String()}}},
		"a gap after a base's start": {gapped, func(w *written) { w.holdings.Bases[2] = base("b24", 1, 21.5, 24.5) }, time1(265),
			wanted{kind: fault.Missing, says: []string{"missing"}}},
		"immediate when the newest base is in a gap": {gapped, func(w *written) { w.holdings.Bases[2] = base("b24", 1, 21.5, 24.5) },
			pitr.Target{Kind: pitr.AtImmediate}, wanted{base: "b20", timeline: 1, until: 20.25, expected: 201.5}},

		"before a switch":                {switched, nil, time1(213), wanted{base: "b20", timeline: 3, until: 21.35 + commit, expected: 212.5}},
		"over a switch within a segment": {switched, nil, time1(215), wanted{base: "b20", timeline: 3, until: 21.525 + commit, expected: 214.5}},
		"on the second timeline":         {switched, nil, time1(233), wanted{base: "b20", timeline: 3, until: 23.325 + commit, expected: 232.25}},
		"from a base of the second":      {switched, nil, time1(260), wanted{base: "b24", timeline: 3, until: 26.025 + commit, expected: 259.25, setting: "recovery_target_timeline=3"}},
		"over a switch at a border":      {switched, nil, time1(270), wanted{base: "b24", timeline: 3, until: 27.025 + commit, expected: 269.25}},
		"latest of the newest":           {switched, nil, pitr.Target{Kind: pitr.AtLatest}, wanted{base: "b24", timeline: 3, until: 32.25, endOfWAL: true, expected: 321.25}},
		"on a timeline that was left": {switched, nil, pitr.Target{Kind: pitr.AtTime, Time: minute(225), Timeline: 1},
			wanted{base: "b20", timeline: 1, until: 22.55 + commit, expected: 224.5, setting: "recovery_target_timeline=1"}},
		"latest of a timeline that was left": {switched, nil, pitr.Target{Kind: pitr.AtLatest, Timeline: 2}, wanted{base: "b24", timeline: 2, until: 29, endOfWAL: true, expected: 288.25}},
		"a name on a timeline that was left": {switched, nil, pitr.Target{Kind: pitr.AtName, Name: "left behind"}, wanted{kind: fault.Missing, says: []string{"left behind"}}},
		"the same, when it is named":         {switched, nil, pitr.Target{Kind: pitr.AtName, Name: "left behind", Timeline: 2}, wanted{base: "b24", timeline: 2, until: 28.5, expected: 284.25}},
		"a name on the newest":               {switched, nil, pitr.Target{Kind: pitr.AtName, Name: "kept"}, wanted{base: "b24", timeline: 3, until: 28.5, expected: 284.25}},
		"a transaction that was left behind": {switched, nil, pitr.Target{Kind: pitr.AtXID, XID: 2505}, wanted{kind: fault.Missing, says: []string{"2505"}}},
		"an unknown timeline":                {switched, nil, pitr.Target{Kind: pitr.AtLatest, Timeline: 9}, wanted{kind: fault.Missing, says: []string{"timeline 9"}}},
		"a position that only a timeline that was left has": {switched, func(w *written) {
			w.holdings.Timelines[2].Segments, w.holdings.Timelines[2].Open = nil, nil
		}, pitr.Target{Kind: pitr.AtLSN, LSN: at(28.25)}, wanted{kind: fault.Missing, says: []string{"timeline 2", at(27).String()}}},
		"latest when the newest timeline has only its history": {switched, func(w *written) {
			w.holdings.Timelines[2].Segments, w.holdings.Timelines[2].Open = nil, nil
		}, pitr.Target{Kind: pitr.AtLatest}, wanted{base: "b24", timeline: 3, until: 27, endOfWAL: true, expected: 269.25}},
		"the switch's segment is missing, before the switch": {switched, func(w *written) {
			w.holdings.Timelines[1].Segments = segments(22, 28)
		}, time1(213), wanted{base: "b20", timeline: 3, until: 21.35 + commit, expected: 212.5}},
		"the switch's segment is missing, after the switch": {switched, func(w *written) {
			w.holdings.Timelines[1].Segments = segments(22, 28)
		}, time1(217), wanted{kind: fault.Missing, says: []string{at(21.5).String(), at(22).String()}}},
		"no history": {switched, func(w *written) {
			w.holdings.Timelines[2].History = nil
		}, time1(275), wanted{kind: fault.Missing, says: []string{"timeline 3"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := test.world()
			if test.change != nil {
				test.change(w)
			}
			plan, err := pitr.Choose(t.Context(), *w.holdings, w, test.target)
			test.want.check(t, plan, err)
			if err == nil {
				checkFeed(t, w, plan)
			}
		})
	}
}

func (want wanted) check(t *testing.T, plan pitr.Plan, err error) {
	t.Helper()
	if want.kind != "" {
		if !fault.Is(err, want.kind) {
			t.Fatalf("error %v of kind %s, want kind %s; plan %+v", err, fault.KindOf(err), want.kind, plan)
		}
		for _, part := range want.says {
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q does not say %q in one line", err, part)
			}
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	until := float64(plan.Until) / size
	late := until - want.until
	if plan.Base.ID != want.base || plan.Timeline != want.timeline || plan.EndOfWAL != want.endOfWAL {
		t.Errorf("base %s, timeline %d, end of the WAL %v, want %+v", plan.Base.ID, plan.Timeline, plan.EndOfWAL, want)
	}
	if (!want.about && (late < -1e-4 || late > 1e-4)) || late < -1e-4 || late > 1 {
		t.Errorf("until segment %f, want %f", until, want.until)
	}
	if !plan.Expected.Equal(minute(want.expected).Round(time.Millisecond)) && plan.Expected.Sub(minute(want.expected)).Abs() > time.Microsecond {
		t.Errorf("expected %s, want %s", plan.Expected, minute(want.expected))
	}
	if name, value, ok := strings.Cut(want.setting, "="); ok && plan.Settings[name] != value {
		t.Errorf("settings %v, want %s", plan.Settings, want.setting)
	}
	if _, stops := plan.Settings["recovery_target_action"]; stops == plan.EndOfWAL || len(plan.Settings) == 0 {
		t.Errorf("settings %v for a plan to the end of the WAL: %v", plan.Settings, plan.EndOfWAL)
	}
}

// checkFeed wants the segments of a plan to be gapless from its start to its end.
func checkFeed(t *testing.T, w *written, plan pitr.Plan) {
	t.Helper()
	feed := pitr.Feed(*w.holdings, plan)
	if len(feed) != plan.Segments || len(feed) == 0 {
		t.Fatalf("%d segments are fed, the plan counts %d", len(feed), plan.Segments)
	}
	if plan.From != plan.Base.Start || len(plan.Chain) == 0 || plan.Chain[len(plan.Chain)-1].ID != plan.Base.ID || plan.Chain[0].Parent != "" {
		t.Errorf("from %s, chain %+v", plan.From, plan.Chain)
	}
	for i, segment := range feed {
		if want := uint64(plan.From)/size + uint64(i); segment.Number != want {
			t.Errorf("segment %d is number %d, want %d", i, segment.Number, want)
		}
		if _, _, held := w.held(segment); !held {
			t.Errorf("segment %s is not held", segment.Name(size))
		}
	}
	if last := feed[len(feed)-1]; last.End(size) < plan.Until || last.Start(size) >= plan.Until {
		t.Errorf("the last segment %s does not hold %s", last.Name(size), plan.Until)
	}
}

// TestChooseReadsLittle has years of WAL: no more than a few indexes are read.
func TestChooseReadsLittle(t *testing.T) {
	t.Parallel()
	const last = 20_000
	w := plain()
	w.holdings.Timelines = []pitr.Timeline{{ID: 1, Segments: segments(10, last)}}
	w.endings[1] = nil
	for n := 10.0; n < last; n++ {
		w.commit(1, n+0.5, n*10+5)
	}
	for name, target := range map[string]pitr.Target{
		"time": time1(70_000), "xid": {Kind: pitr.AtXID, XID: 700_050}, "lsn": {Kind: pitr.AtLSN, LSN: at(7000.1)},
	} {
		w.reads = 0
		plan, err := pitr.Choose(t.Context(), *w.holdings, w, target)
		if err != nil || plan.Segments != 7000-25+1 {
			t.Errorf("%s: %d segments, %v", name, plan.Segments, err)
		}
		if w.reads > 40 {
			t.Errorf("%s: %d segments or indexes were read", name, w.reads)
		}
	}
}
