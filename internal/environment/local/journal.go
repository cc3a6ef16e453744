package local

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// errLimits means that the source's limits, such as max_connections, were
// raised in the WAL above those of the server that replays it.
var errLimits = errors.New("the source's limits were raised")

// journal reads a recovering server's log as it grows, for what PostgreSQL 13
// to 18 say of a recovery in English (xlogrecovery.c, xlog.c, xlogarchive.c).
type journal struct {
	path string
	at   int64
	rest []byte

	// Of the server's present run, which begins at a place of the log:
	run                  int64
	begun, ready, limits bool
	// failure is the first FATAL or PANIC line, hints what was said to it.
	failure string
	hints   []string
	// complaint is the last that was said of WAL that can't be read.
	complaint string

	// Of all runs of the recovery:
	segment    string
	consistent bool
	// redo is where it began, stopped how it ended.
	redo       wal.LSN
	stopped    string
	lastCommit time.Time
	// timeline is the new one.
	timeline uint32
}

var (
	linePattern     = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] (\w+):  (.*)$`)
	limitsPattern   = regexp.MustCompile(`^(hot standby is not possible because of|recovery aborted because of) insufficient parameter settings|^hot standby is not possible because \w+ = \d+`)
	restoredPattern = regexp.MustCompile(`^restored log file "([0-9A-F]{24})" from archive$`)
	// complaints are what the reader of WAL says where it ends, be that the end or not (xlogreader.c).
	complaints = regexp.MustCompile(`^(invalid |unexpected |incorrect |record with |out-of-sequence |there is no contrecord|contrecord |WAL file is from|could not read from (log segment|WAL segment)|missing contrecord|BKP|image at )`)
)

// read takes in what was written since the last call.
func (j *journal) read() error {
	f, err := os.Open(j.path)
	if err != nil {
		return err
	}
	defer f.Close()
	fresh, err := io.ReadAll(io.NewSectionReader(f, j.at, 1<<62))
	if err != nil {
		return err
	}
	j.at += int64(len(fresh))
	j.rest = append(j.rest, fresh...)
	for {
		line, rest, whole := bytes.Cut(j.rest, []byte("\n"))
		if !whole {
			return nil
		}
		if from := j.at - int64(len(j.rest)); from >= j.run && !j.begun {
			j.begin(j.run)
			j.begun = true
		}
		j.line(string(line))
		j.rest = rest
	}
}

// begin forgets what was said by runs of the server before the one that begins at run.
func (j *journal) begin(run int64) {
	j.run, j.begun, j.ready, j.limits, j.failure, j.hints, j.complaint = run, false, false, false, "", nil, ""
}

func (j *journal) line(text string) {
	m := linePattern.FindStringSubmatch(text)
	if m == nil {
		return
	}
	level, said := m[1], m[2]
	switch level {
	case "FATAL", "PANIC":
		j.limits = j.limits || limitsPattern.MatchString(said)
		// Clients that are turned away while the server starts are no failure of it.
		if j.failure == "" && !strings.HasPrefix(said, "the database system is ") && !strings.HasPrefix(said, "terminating ") {
			j.failure = said
		}
	case "HINT", "DETAIL":
		j.hints = append(j.hints, said)
	case "WARNING":
		// Not FATAL once somebody may query it: then it waits for ever.
		j.limits = j.limits || limitsPattern.MatchString(said)
	case "LOG":
		j.event(said)
	}
}

func (j *journal) event(said string) {
	after := func(prefix string) (string, bool) { return strings.CutPrefix(said, prefix) }
	if text, ok := after("redo starts at "); ok && j.redo == 0 {
		j.redo, _ = wal.ParseLSN(text)
		return
	}
	if text, ok := after("last completed transaction was at log time "); ok {
		if at, err := parseTime(text); err == nil && at.After(j.lastCommit) {
			j.lastCommit = at
		}
		return
	}
	if text, ok := after("selected new timeline ID: "); ok {
		n, _ := strconv.ParseUint(text, 10, 32)
		j.timeline = uint32(n)
		return
	}
	if m := restoredPattern.FindStringSubmatch(said); m != nil {
		j.segment = m[1]
		return
	}
	switch {
	case strings.HasPrefix(said, "consistent recovery state reached"):
		j.consistent = true
	case strings.HasPrefix(said, "recovery stopping "):
		j.stopped = said
	case said == "database system is ready to accept connections":
		j.ready = true
	case complaints.MatchString(said):
		j.complaint = said
	case strings.HasPrefix(said, "redo done at ") && j.stopped == "":
		j.stopped = j.complaint
	}
}

// parseTime reads a time with its zone as PostgreSQL prints it with UTC for a zone.
func parseTime(text string) (time.Time, error) {
	at, err := time.Parse("2006-01-02 15:04:05.999999999-07", text)
	return at.UTC(), err
}

// verdict says why a server has ended before it was promoted.
func (j *journal) verdict() error {
	if j.failure == "" {
		return fault.New(fault.Unavailable, "the server has ended without a word: was it killed?")
	}
	kind, advice := fault.Internal, ""
	for _, v := range verdicts {
		if v.pattern.MatchString(j.failure) {
			kind, advice = v.kind, v.advice
			break
		}
	}
	why := j.failure
	if advice == lastCommitAdvice {
		if !j.lastCommit.IsZero() {
			why += "; the last transaction is of " + j.lastCommit.Format(time.RFC3339Nano)
		}
		if j.complaint != "" {
			why += "; the WAL ends with: " + j.complaint
		}
	}
	for _, hint := range j.hints {
		if advice == "" {
			advice = hint
		}
	}
	if advice != "" {
		why += ": " + advice
	}
	return fault.New(kind, "%s", why)
}

const lastCommitAdvice = "ask for an earlier target, or for latest"

// verdicts classify how a recovery fails, the special before the general.
var verdicts = []struct {
	pattern *regexp.Regexp
	kind    fault.Kind
	advice  string
}{
	{regexp.MustCompile(`^recovery ended before configured recovery target`), fault.Missing, lastCommitAdvice},
	{regexp.MustCompile(`^requested recovery stop point is before consistent recovery point`), fault.Invalid, "ask for a later target, or take an older base backup"},
	{regexp.MustCompile(`^(requested timeline|recovery target timeline|unexpected timeline ID|unexpected previous timeline ID)`), fault.Invalid, "ask for a timeline that the base backup's leads to"},
	{regexp.MustCompile(`^could not restore file`), fault.Unavailable, "the restore command failed: see the worker's log"},
	{regexp.MustCompile(`^(WAL ends before|could not (locate|find) (a valid|required) checkpoint|could not find redo location|invalid checkpoint|invalid (primary )?checkpoint)`), fault.Missing, "WAL that the base backup needs is not there: take another base backup"},
	{regexp.MustCompile(`No space left on device|Disk quota exceeded`), fault.Exhausted, "make room and try again"},
	{regexp.MustCompile(`Permission denied`), fault.Denied, ""},
	{regexp.MustCompile(`^(database files are incompatible|incompatible |could not (access|load) (file|library)|resource manager with ID|WAL was generated with wal_level=minimal|custom resource manager)`), fault.Unsupported, ""},
	{regexp.MustCompile(`^directory ".*" does not exist`), fault.Unsupported, "the WAL makes a tablespace there: make a folder of that path on this host, where no server uses it, and recover again"},
	{regexp.MustCompile(`(wrong size|invalid page|invalid pages|incorrect checksum|checksum mismatch|invalid record|invalid data|backup_label|pg_control|corrupt)`), fault.Corrupt, ""},
}
