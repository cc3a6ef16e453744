package figure

import (
	"encoding/xml"
	"errors"
	"flag"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

var update = flag.Bool("update", false, "write the drawings to testdata")

// hostile is a name that would be markup if it were not escaped.
const hostile = `a"><script>alert(1)</script>&'`

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func after(hours float64) time.Time { return noon.Add(time.Duration(hours * float64(time.Hour))) }

func window(gaps ...status.Gap) Window {
	return Window{Surface: "main", Earliest: noon, Latest: after(47), Gaps: gaps, Now: after(48)}
}

func record() drill.Record {
	return drill.Record{
		Timeline: drill.Timeline{Declared: noon, Phases: []drill.Phase{
			{Name: drill.PhaseDeclare, Start: noon, Seconds: 1.5},
			{Name: drill.PhaseRestore, Start: noon.Add(2 * time.Second), Seconds: 240},
			{Name: drill.PhaseCheck, Start: noon.Add(243 * time.Second), Seconds: 30, Error: "page answers 503"},
			{Name: drill.PhaseTearDown, Start: noon.Add(24 * time.Hour), Seconds: 4},
		}},
		Surfaces: []drill.Restored{
			{Surface: "main", Steps: []drill.Phase{{Name: "fetch", Seconds: 100}, {Name: "replay", Seconds: 120}}},
			{Surface: hostile, Steps: []drill.Phase{{Name: "load", Seconds: 20}}},
		},
	}
}

func drawn(t *testing.T, out template.HTML, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestDrawings(t *testing.T) {
	t.Parallel()
	gaps := []status.Gap{{From: after(20), To: after(26)}, {From: after(10), To: after(10.001)}}
	calendar := Calendar{From: noon.AddDate(0, -9, 0), To: noon.AddDate(0, 2, 0), Now: noon, Plans: []PlanDays{
		{Plan: "quarterly", Days: []Day{
			{noon.AddDate(0, -8, 0), drill.VerdictPass}, {noon.AddDate(0, -5, 0), drill.VerdictPartial}, {noon.AddDate(0, -2, 0), drill.VerdictFail},
			{noon.AddDate(0, 1, 0), Due}, {noon.AddDate(-2, 0, 0), drill.VerdictPass},
		}},
		{Plan: hostile, Days: []Day{{noon.AddDate(0, 0, -3), Overdue}, {noon.AddDate(0, 0, -1), Running}, {noon.AddDate(0, -1, 0), drill.VerdictAborted}}},
	}}
	for name, draw := range map[string]func() (template.HTML, error){
		"strip": func() (template.HTML, error) { return WALStrip(window(gaps...)) },
		"timeline": func() (template.HTML, error) {
			return PITRTimeline(Timeline{Window: window(gaps...), At: after(40), Used: "B2", Bases: []BaseBackup{
				{hostile, noon, "proven"}, {"B2", after(30), "verified"}, {"B3", after(47.9), "sealed"}, {"B4", after(12), "corrupt"},
			}})
		},
		"gantt": func() (template.HTML, error) {
			return Gantt{Declared: noon, Phases: Bars(record()), RTOTarget: 300, RTO: new(273.0)}.Draw()
		},
		"gantt-running": func() (template.HTML, error) {
			return Gantt{Declared: noon, RTOTarget: 60, Now: noon.Add(90 * time.Second), Phases: []Bar{
				{Name: "restore", Start: noon.Add(time.Second), Seconds: 40}, {Name: "reconcile", Start: noon.Add(41 * time.Second), Running: true},
			}}.Draw()
		},
		"calendar": calendar.Draw,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := draw()
			svg := drawn(t, out, err)
			wellFormed(t, svg)
			golden := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(golden, []byte(svg+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if svg+"\n" != string(want) {
				t.Errorf("it differs from %s; look at it, then run the test with -update:\n%s", golden, svg)
			}
		})
	}
}

// wellFormed reads a drawing as XML and refuses what a strict policy would not
// let a browser apply, and what would make it markup of somebody else's.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	titles := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("it is not well-formed: %v\n%s", err, svg)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "title":
			titles++
		case "svg", "desc", "g", "rect", "line", "text", "polygon", "circle":
		default:
			t.Errorf("there is an element %s", start.Name.Local)
		}
		for _, a := range start.Attr {
			if a.Name.Local == "style" || a.Name.Local == "id" || strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("there is an attribute %s", a.Name.Local)
			}
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("%s is %s", a.Name.Local, a.Value)
			}
		}
	}
	if titles == 0 || !strings.Contains(svg, `role="img"`) {
		t.Error("it has no name")
	}
}

func TestStretches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   Window
		want string
	}{
		{"nothing", Window{Surface: "main", Now: noon}, ""},
		{"no gap", window(), "held 0-47 behind 47-48 "},
		{"gaps in disorder", window(status.Gap{From: after(20), To: after(26)}, status.Gap{From: after(1), To: after(2)}), "held 0-1 gap 1-2 held 2-20 gap 20-26 held 26-47 behind 47-48 "},
		{"one within another", window(status.Gap{From: after(10), To: after(20)}, status.Gap{From: after(12), To: after(15)}), "held 0-10 gap 10-20 held 20-47 behind 47-48 "},
		{"they overlap", window(status.Gap{From: after(10), To: after(20)}, status.Gap{From: after(15), To: after(25)}), "held 0-10 gap 10-25 held 25-47 behind 47-48 "},
		{"nothing after it", window(status.Gap{From: after(40)}), "held 0-40 gap 40-47 behind 47-48 "},
		{"from the beginning on", window(status.Gap{To: after(3)}), "gap 0-3 held 3-47 behind 47-48 "},
		{"after the window", window(status.Gap{From: after(47.5), To: after(47.6)}), "held 0-47 behind 47-48 "},
		{"a clock that is behind", Window{Earliest: noon, Latest: after(1), Now: after(0.5)}, "held 0-1 "},
	} {
		got := ""
		for _, s := range c.in.Stretches() {
			got += s.Kind + " " + px(s.From.Sub(noon).Hours()) + "-" + px(s.To.Sub(noon).Hours()) + " "
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAboutAWindow(t *testing.T) {
	t.Parallel()
	for want, in := range map[string]Window{
		"No moment can be had":                      {},
		"there is no gap. The store is 1 h behind.": window(),
		"but for 1 gap: 2026-03-15 08:00:00 UTC to 2026-03-15 14:00:00 UTC. The store is ": window(status.Gap{From: after(20), To: after(26)}),
		"there is no gap.": {Earliest: noon, Latest: after(1), Now: after(1).Add(time.Second)},
	} {
		if got := in.About(); !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestAGapIsNeverTooNarrowToBeSeen(t *testing.T) {
	t.Parallel()
	w := window(status.Gap{From: after(46.9999), To: after(47)})
	w.Now = w.Latest
	out, err := WALStrip(w)
	svg := drawn(t, out, err)
	if !strings.Contains(svg, `<rect x="396" y="2" width="3"`) {
		t.Errorf("the gap at the end is not three wide: %s", svg)
	}
}

func TestATimelineWithoutAWindowIsEmpty(t *testing.T) {
	t.Parallel()
	drawn, err := PITRTimeline(Timeline{Window: Window{Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}})
	if err != nil || drawn != "" {
		t.Errorf("drawn of nothing: %.200s, %v", drawn, err)
	}
}

func TestAGanttWithoutPhasesIsEmpty(t *testing.T) {
	t.Parallel()
	out, err := Gantt{Declared: noon}.Draw()
	if drawn(t, out, err) != "" {
		t.Errorf("it is %s", out)
	}
	if bars := Bars(drill.Record{Timeline: drill.Timeline{Phases: []drill.Phase{{Name: "declare"}}}}); len(bars) != 0 {
		t.Errorf("a phase without a beginning is drawn: %+v", bars)
	}
}

func TestAFarTargetIsInWordsAlone(t *testing.T) {
	t.Parallel()
	out, err := Gantt{Declared: noon, RTOTarget: 7200, Phases: []Bar{{Name: "restore", Start: noon, Seconds: 10}}}.Draw()
	svg := drawn(t, out, err)
	wellFormed(t, svg)
	if strings.Contains(svg, `class="target"><line`) || !strings.Contains(svg, "RTO target 2 h, far to the right") || !strings.Contains(svg, "the target is 2 h.") {
		t.Error(svg)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for in, want := range map[float64]string{
		-1: "0 s", 0: "0 s", 0.04: "0 s", 12.34: "12.3 s", 59.96: "1 min", 60: "1 min", 3599.6: "1 h", 5400: "1 h 30 min", 172799: "48 h", 200000: "2 d 8 h",
	} {
		if got := span(in); got != want {
			t.Errorf("%v is %q, want %q", in, got, want)
		}
	}
}

func TestTheMarksOfAnAxis(t *testing.T) {
	t.Parallel()
	for hours := 0.001; hours < 100_000; hours *= 1.7 {
		a := axis{noon, after(hours), 0, 700}
		if marks := a.marks(0, 7); len(marks) < 1 || len(marks) > 8 {
			t.Errorf("%v hours have %d marks", hours, len(marks))
		}
	}
	if marks := (axis{noon, noon, 0, 700}).marks(0, 7); marks != nil {
		t.Errorf("an empty axis has marks: %v", marks)
	}
}
