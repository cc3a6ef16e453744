package local

import "fmt"

// lastWordsLimit bounds what Trouble shows of a log, in bytes.
const lastWordsLimit = 1 << 10

// Trouble says what is wrong with a program that StartProgram has found to be as
// its plan wants it: one that is to go on has ended since, or nobody knows of
// its end. It is empty where nothing is, as for a program that went into the
// background, and for one that ran once and ended with status 0.
func (s ProgramState) Trouble() string {
	words := lastLines(s.Log[max(0, len(s.Log)-lastWordsLimit):], 1)
	switch {
	case s.State == ProgramLost:
		return "what watched it is gone, and nobody saw how it ended: " + words
	case s.State != ProgramExited:
		return ""
	case s.Code != 0:
		return fmt.Sprintf("it ended with status %d while the drill went on: %s", s.Code, words)
	case !s.Once && len(s.Processes) == 0:
		return "it ended with status 0 while the drill went on, and was to go on: " + words
	default:
		return ""
	}
}
