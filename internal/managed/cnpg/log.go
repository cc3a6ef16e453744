package cnpg

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// entry is a line of the log of an instance manager. PostgreSQL's own lines are
// in record, with the names of its CSV log.
type entry struct {
	Level  string `json:"level"`
	Msg    string `json:"msg"`
	Error  string `json:"error"`
	Record *struct {
		Severity string `json:"error_severity"`
		Message  string `json:"message"`
		Detail   string `json:"detail"`
		Backend  string `json:"backend_type"`
	} `json:"record"`
}

// told is what the log of a recovery says.
type told struct {
	stop managed.Stop
	// failure is PostgreSQL's last fatal word, or else the manager's last error.
	failure string
}

// What PostgreSQL 13 to 18 write of a recovery.
var (
	lastCommit  = regexp.MustCompile(`^last completed transaction was at log time (.+)$`)
	newTimeline = regexp.MustCompile(`^selected new timeline ID: ([0-9]+)$`)
	stopped     = regexp.MustCompile(`^recovery stopping (before|after) `)
)

// clientBackend is PostgreSQL's word for the process of a session.
const clientBackend = "client backend"

// longestLine is the most of a line that is read; what is longer ends the reading.
const longestLine = 1 << 20

// readLog reads the log of a recovery. Lines that are not of that form say nothing.
func readLog(r io.Reader) (told, error) {
	var out told
	var fatal, failed string
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), longestLine)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		if e.Record == nil {
			if e.Level == "error" {
				failed = strings.TrimPrefix(e.Msg+": "+e.Error, ": ")
			}
			continue
		}
		// That somebody was not let in yet is fatal for a session, and for nobody else.
		if r := e.Record; (r.Severity == "FATAL" || r.Severity == "PANIC") && r.Backend != clientBackend {
			fatal = strings.TrimSuffix(r.Message+": "+r.Detail, ": ")
		}
		out.read(e.Record.Message)
	}
	out.failure = cmp.Or(fatal, failed)
	return out, lines.Err()
}

// read takes what one of PostgreSQL's lines says of the end of a recovery.
func (t *told) read(message string) {
	if m := lastCommit.FindStringSubmatch(message); m != nil {
		t.stop.Time = parseTime(m[1])
	}
	if m := newTimeline.FindStringSubmatch(message); m != nil {
		n, _ := strconv.ParseUint(m[1], 10, 32)
		t.stop.Timeline = uint32(n)
	}
	if stopped.MatchString(message) {
		t.stop.Reason = message
	}
}

// layouts are those of PostgreSQL's times in English, whose offset has minutes where it needs them.
var layouts = []string{"2006-01-02 15:04:05.999999-07", "2006-01-02 15:04:05.999999-07:00", "2006-01-02 15:04:05.999999 MST"}

func parseTime(text string) time.Time {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// readHistory reads the end of a recovery out of a timeline's history file: its
// last line is PARENT, LSN and reason, with tabs in between.
func readHistory(text string) (lsn, reason string) {
	for l := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(l), "\t", 3)
		if len(fields) == 3 && !strings.HasPrefix(fields[0], "#") {
			lsn, reason = fields[1], fields[2]
		}
	}
	return lsn, reason
}
