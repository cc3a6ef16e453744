package local

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// program is the folder of one program. In it are the record, the log, a lock
// that its supervisor holds, and the folder that it works in.
type program struct{ group, name, dir string }

// The states of a program's record, beside those that are shown.
const (
	// programStarting: it has not been started yet; whoever is about to may be gone.
	programStarting = "starting"
	// programBegun: it is being started. It may have run from here on.
	programBegun   = "begun"
	programRunning = ProgramRunning
	programExited  = ProgramExited
	programLost    = ProgramLost
)

// programRecord is what is written down of a program. It has no secrets.
type programRecord struct {
	State string `json:"state"`
	// Token tells one try to start it from the next: a supervisor that comes late steps back.
	Token string `json:"token"`
	// Spec is the digest of what was asked for.
	Spec string `json:"spec"`
	Once bool   `json:"once,omitempty"`
	// Boot is the host's boot during which it was started.
	Boot string `json:"boot"`
	PID  int    `json:"pid,omitempty"`
	Code int    `json:"code"`
	// Problem says why it could not be started.
	Problem   string    `json:"problem,omitempty"`
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

func (i *program) recordPath() string { return filepath.Join(i.dir, "program.json") }

func (i *program) work() string { return filepath.Join(i.dir, "work") }

func (i *program) load() (programRecord, error) {
	text, err := os.ReadFile(i.recordPath())
	if os.IsNotExist(err) {
		return programRecord{}, fault.New(fault.Missing, "there is no program %s in %s: it was not started, or was stopped meanwhile", i.name, i.group)
	}
	if err != nil {
		return programRecord{}, fault.Disk(err, "read the record of program %s", i.name)
	}
	var rec programRecord
	if err := json.Unmarshal(text, &rec); err != nil {
		return programRecord{}, fault.New(fault.Corrupt, "the record of program %s can't be read: stop the programs of %s", i.name, i.group)
	}
	return rec, nil
}

func (i *program) save(rec programRecord) error {
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the record of program %s: %w", i.name, err)
	}
	return replaceFile(i.recordPath(), append(text, '\n'), owner{})
}

// settled is the record, with programLost for one whose end can't be seen any more.
func (i *program) settled() (programRecord, error) {
	rec, gone, err := i.look()
	if gone {
		// The end may have been written down between the look at the record and that at the process.
		rec, gone, err = i.look()
	}
	if gone {
		rec.State = programLost
	}
	return rec, err
}

// look returns the record, and whether nobody is there who would bring it up to date.
func (i *program) look() (rec programRecord, gone bool, err error) {
	rec, err = i.load()
	if err != nil || (rec.State != programBegun && rec.State != programRunning) {
		return rec, false, err
	}
	boot, err := bootID()
	if err != nil {
		return rec, false, fault.Disk(err, "read the host's boot id")
	}
	supervisors, _, err := programProcesses(i.dir)
	if err != nil {
		return rec, false, err
	}
	return rec, len(supervisors) == 0 || boot != rec.Boot, nil
}

func (i *program) state() (ProgramState, error) {
	rec, err := i.settled()
	if err != nil {
		return ProgramState{}, err
	}
	out := ProgramState{
		Group: i.group, Name: i.name, State: rec.State, Once: rec.Once, Code: rec.Code,
		StartedAt: rec.StartedAt, EndedAt: rec.EndedAt,
	}
	switch rec.State {
	case programStarting, programBegun:
		out.State = ProgramRunning
	case programRunning:
		out.PID = rec.PID
	}
	if out.Processes, err = i.processes(); err != nil {
		return out, err
	}
	kept, err := i.log()
	if err != nil {
		return out, err
	}
	out.LogDigest = seal.SHA256(kept)
	out.Log = strings.ToValidUTF8(string(kept[max(0, len(kept)-stateTail):]), "\uFFFD")
	return out, nil
}

// log is all that is kept of what the program printed.
func (i *program) log() ([]byte, error) {
	// A rotation between the two reads would lose what was in the newer file: look again then.
	for {
		before, _ := os.Stat(i.logPath())
		older, err := readAll(i.olderLogPath())
		if err != nil {
			return nil, fault.Disk(err, "read the log of program %s", i.name)
		}
		newer, err := readAll(i.logPath())
		if err != nil {
			return nil, fault.Disk(err, "read the log of program %s", i.name)
		}
		if after, _ := os.Stat(i.logPath()); before == nil || after == nil || os.SameFile(before, after) {
			return append(older, newer...), nil
		}
	}
}

func readAll(path string) ([]byte, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// It may grow as it is read.
	return io.ReadAll(io.LimitReader(f, programLogLimit))
}

func (i *program) logEnd(n int) (string, error) {
	kept, err := i.log()
	return string(kept[max(0, len(kept)-n):]), err
}

// specDigest tells whether two calls want the same program.
func specDigest(p drill.Program) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%q %q %v %q %d\n", p.Command, p.Dir, p.Once, p.Ready, p.Timeout)
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		fmt.Fprintf(&text, "%q %q\n", name, p.Env[name].Reveal())
	}
	return seal.SHA256([]byte(text.String()))
}

func validateProgram(p drill.Program) error {
	if len(p.Command) == 0 || p.Command[0] == "" {
		return fault.New(fault.Invalid, "name the program to run as its command")
	}
	if p.Dir != "" && !filepath.IsAbs(p.Dir) {
		return fault.New(fault.Invalid, "dir %q must be an absolute path", p.Dir)
	}
	if p.Ready != "" {
		if _, _, err := net.SplitHostPort(p.Ready); err != nil {
			return fault.New(fault.Invalid, "ready %q must be host:port", p.Ready)
		}
	}
	if slices.ContainsFunc(p.Command, func(word string) bool { return strings.Contains(word, "\x00") }) {
		return fault.New(fault.Invalid, "its command has a NUL byte")
	}
	for name, value := range p.Env {
		if name == "" || name == ProgramVariable || strings.ContainsAny(name, "=\x00") || strings.Contains(value.Reveal(), "\x00") {
			return fault.New(fault.Invalid, "%q can't be a variable of it", name)
		}
	}
	return nil
}

const (
	// shortestSecret is the length from which on a variable's value counts as a
	// secret: shorter ones are numbers and switches, and would black out the log.
	shortestSecret = 6
	// shortestPassword is that of passwords in URLs.
	shortestPassword = 4
)

// secretsOf are the texts that may not get into a program's log.
func (e *Environment) secretsOf(p drill.Program) ([]string, error) {
	var out []string
	passwords := func(text string) {
		u, err := url.Parse(text)
		if err != nil || u.User == nil {
			return
		}
		if password, _ := u.User.Password(); len(password) >= shortestPassword {
			_, encoded, _ := strings.Cut(u.User.String(), ":")
			out = append(out, password, encoded)
		}
	}
	for _, value := range p.Env {
		if len(value) >= shortestSecret {
			out = append(out, value.Reveal())
		}
		passwords(value.Reveal())
	}
	for _, word := range p.Command {
		passwords(word)
	}
	servers, err := e.List()
	if err != nil {
		return nil, err
	}
	for _, s := range servers {
		passwords(s.URL.Reveal())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
