package local

import (
	"strings"
	"syscall"
	"testing"
)

// A program that was ready and died later is seen to have died, with what it said last.
func TestAProgramThatDiesLater(t *testing.T) {
	t.Parallel()
	e, _ := programsOf(t)
	address := freeAddress(t)
	p := playing("app", "listener", address)
	p.Ready = address
	state, err := e.StartProgram(t.Context(), "d1", p)
	if err != nil || state.Trouble() != "" {
		t.Fatalf("%q of %+v: %v", state.Trouble(), state, err)
	}
	if err := syscall.Kill(state.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "end of the program", func() bool {
		list, err := e.Programs("d1")
		if err == nil && len(list) == 1 {
			state = list[0]
		}
		return state.State == ProgramExited
	})
	if got := state.Trouble(); got != "it ended with status 137 while the drill went on: listening at "+address {
		t.Errorf("its trouble is %q", got)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	for says, states := range map[string][]ProgramState{
		"": {
			{State: ProgramRunning}, {State: ProgramExited, Once: true}, {State: ProgramExited, Processes: []int{7}, Log: "gone into the background"},
		},
		"status 3 while the drill went on: no table": {{State: ProgramExited, Code: 3, Log: "begin\nno table\n"}},
		"was to go on: it printed nothing":           {{State: ProgramExited}},
		"nobody saw how it ended":                    {{State: ProgramLost}, {State: ProgramLost, Once: true}},
	} {
		for _, s := range states {
			if got := s.Trouble(); !strings.Contains(got, says) || (got == "") != (says == "") {
				t.Errorf("%+v: %q, want %q", s, got, says)
			}
		}
	}
}
