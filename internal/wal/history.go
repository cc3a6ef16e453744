package wal

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Switch is where a timeline was left for the next one.
type Switch struct {
	// Timeline is the one that was left.
	Timeline uint32 `json:"timeline"`
	// End is where it was left: bytes from here on belong to its descendant.
	End LSN `json:"end"`
	// Reason is what the server noted, such as "no recovery target specified".
	Reason string `json:"reason,omitempty"`
}

// History is the ancestry of a timeline, oldest first, without the timeline
// itself. Timeline 1 has none.
type History []Switch

// HistoryName is the file name of a timeline's history.
func HistoryName(timeline uint32) string { return fmt.Sprintf("%08X.history", timeline) }

// ParseHistoryName reads a file name that HistoryName gave.
func ParseHistoryName(name string) (timeline uint32, ok bool) {
	digits, found := strings.CutSuffix(name, ".history")
	timeline, ok = hexWord(digits)
	return timeline, found && ok && timeline > 0 && HistoryName(timeline) == name
}

// ParseHistory reads the history file of a timeline. Text that PostgreSQL would
// refuse, or timelines that do not ascend towards this one, are fault.Corrupt.
func ParseHistory(timeline uint32, text []byte) (History, error) {
	var history History
	var last Switch
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		s, ok := parseSwitch(line)
		if !ok || s.Timeline <= last.Timeline || s.Timeline >= timeline || s.End < last.End {
			return nil, fault.New(fault.Corrupt, "line %d of %s is no ancestor of timeline %d: %q", number+1, HistoryName(timeline), timeline, line)
		}
		history = append(history, s)
		last = s
	}
	if timeline > 1 && len(history) == 0 {
		return nil, fault.New(fault.Corrupt, "%s names no ancestor", HistoryName(timeline))
	}
	return history, nil
}

// parseSwitch reads a line: timeline, position, reason, parted by white space.
func parseSwitch(line string) (Switch, bool) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return Switch{}, false
	}
	timeline, err := strconv.ParseUint(fields[0], 10, 32)
	end, errEnd := ParseLSN(fields[1])
	return Switch{Timeline: uint32(timeline), End: end, Reason: strings.Join(fields[2:], " ")}, err == nil && errEnd == nil
}

// Parent is the timeline that this one branched off from, and where. It is
// false for a timeline without ancestors.
func (h History) Parent() (Switch, bool) {
	if len(h) == 0 {
		return Switch{}, false
	}
	return h[len(h)-1], true
}

// Left is where this history leaves an ancestor, and false when the timeline is
// no ancestor.
func (h History) Left(timeline uint32) (LSN, bool) {
	for _, s := range h {
		if s.Timeline == timeline {
			return s.End, true
		}
	}
	return 0, false
}
