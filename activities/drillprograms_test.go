package activities

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
)

func TestProgramsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	began := []drill.Started{
		{Name: "api", Result: drill.Pass, Detail: "running", Seconds: 2, LogDigest: "early"},
		{Name: "migrate", Result: drill.Pass, Detail: "exited", LogDigest: "early"},
		{Name: "mail", Result: drill.Pass, Detail: "running", LogDigest: "early"},
		{Name: "jobs", Result: drill.Fail, Detail: "it ended with status 1", LogDigest: "early"},
		{Name: "web", Result: drill.Pass, Detail: "running"},
	}
	states := []local.ProgramState{
		{Name: "migrate", State: local.ProgramExited, Once: true, LogDigest: "late"},
		{Name: "api", State: local.ProgramRunning, LogDigest: "late"},
		{Name: "mail", State: local.ProgramExited, Code: 3, Log: "no host\n", LogDigest: "late"},
		{Name: "jobs", State: local.ProgramRunning, LogDigest: "late"},
	}
	want := []drill.Started{
		{Name: "api", Result: drill.Pass, Detail: "running", Seconds: 2, LogDigest: "late"},
		{Name: "migrate", Result: drill.Pass, Detail: "exited", LogDigest: "late"},
		{Name: "mail", Result: drill.Fail, Detail: "it ended with status 3 while the drill went on: no host", LogDigest: "late"},
		began[3],
		{Name: "web", Result: drill.Fail, Detail: "it was removed while the drill went on"},
	}
	if diff := cmp.Diff(want, lookedAt(began, states)); diff != "" || began[2].Result != drill.Pass {
		t.Error(diff)
	}
}
