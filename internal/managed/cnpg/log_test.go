package cnpg

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// Lines of instance managers of CloudNativePG 1.23 to 1.29, shortened.
const recovered = `not JSON
{"level":"info","ts":"2026-08-13T11:38:20Z","msg":"Recovering from external cluster","sourceName":"source"}
{"level":"error","msg":"Retrying","error":"connection reset"}
{"level":"info","logger":"postgres","msg":"record","record":{"error_severity":"FATAL","message":"the database system is starting up","backend_type":"client backend"}}
{"level":"info","logger":"postgres","msg":"record","record":{"error_severity":"LOG","message":"recovery stopping before commit of transaction 742, time 2026-08-13 10:44:14.5+00","backend_type":"startup"}}
{"level":"info","logger":"postgres","msg":"record","record":{"error_severity":"LOG","message":"redo done at 0/8C000410 system usage: CPU: user: 0.00 s","backend_type":"startup"}}
{"level":"info","logger":"postgres","msg":"record","record":{"error_severity":"LOG","message":"last completed transaction was at log time 2026-08-13 10:44:13.561047+00","backend_type":"startup"}}
{"level":"info","logger":"postgres","msg":"record","record":{"error_severity":"LOG","message":"selected new timeline ID: 12","backend_type":"startup"}}
`

func TestLogOfARecovery(t *testing.T) {
	t.Parallel()
	got, err := readLog(strings.NewReader(recovered))
	want := told{failure: "Retrying: connection reset", stop: managed.Stop{
		Time: time.Date(2026, 8, 13, 10, 44, 13, 561047000, time.UTC), Timeline: 12,
		Reason: "recovery stopping before commit of transaction 742, time 2026-08-13 10:44:14.5+00",
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(told{})); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	fatal := recovered + `{"level":"info","record":{"error_severity":"FATAL","message":"recovery ended","detail":"too early","backend_type":"startup"}}` + "\n" +
		`{"level":"error","msg":"Error while restoring a backup","error":"exit status 1"}`
	if got, err = readLog(strings.NewReader(fatal)); err != nil || got.failure != "recovery ended: too early" {
		t.Errorf("the failure is %q: %v", got.failure, err)
	}
	if _, err = readLog(strings.NewReader(strings.Repeat("x", longestLine+1))); err == nil {
		t.Error("a line without end is read")
	}
}

func TestTimesOfALog(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 8, 13, 10, 44, 13, 500e6, time.UTC)
	for _, text := range []string{"2026-08-13 10:44:13.5+00", "2026-08-13 16:14:13.5+05:30", "2026-08-13 05:44:13.5-05", "2026-08-13 10:44:13.5 UTC"} {
		if got := parseTime(text); !got.Equal(want) {
			t.Errorf("%s is read as %v", text, got)
		}
	}
	if got := parseTime("yesterday"); !got.IsZero() {
		t.Errorf("yesterday is read as %v", got)
	}
}

func TestHistoryOfATimeline(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"": {},
		"1\t0/3000148\tno recovery target specified\n":                                  {"0/3000148", "no recovery target specified"},
		"# a comment\n1\t0/1\tfirst\n\n2\t0/A000028\tbefore 2026-08-13 10:44:14.5+00\n": {"0/A000028", "before 2026-08-13 10:44:14.5+00"},
		"nonsense\n": {},
	} {
		if lsn, reason := readHistory(text); lsn != want[0] || reason != want[1] {
			t.Errorf("%q is read as %q and %q", text, lsn, reason)
		}
	}
}

func FuzzLogOfARecovery(f *testing.F) {
	f.Add([]byte(recovered))
	f.Add([]byte(`{"record":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := readLog(strings.NewReader(string(text)))
		if err == nil && strings.Contains(line(got.failure), "\n") {
			t.Errorf("a reason of several lines: %q", got.failure)
		}
	})
}
