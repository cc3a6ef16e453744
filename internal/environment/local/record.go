package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The states of a record.
const (
	// stateStarting: the folder may be half made, nobody was told of it.
	stateStarting = "starting"
	// statePreparing: the data directory is being filled from a base backup.
	statePreparing = "preparing"
	// stateRecovering: the server replays WAL, or is promoted and not durable yet.
	stateRecovering = "recovering"
	// stateLoading: the server runs with settings for a throw-away server.
	stateLoading = "loading"
	// stateDurable: the data is on disk.
	stateDurable = "durable"
)

// recordName is the file in a server's folder that says what it is. It holds
// the password, hence its mode 0600.
const recordName = "env.json"

type record struct {
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Version string `json:"version"`
	Major   int    `json:"major"`
	// BinDir is where the server's programs were found, Program the main one.
	BinDir  string `json:"binDir"`
	Program string `json:"program"`
	// Account is the system user that runs it, empty for the worker's own.
	Account string `json:"account,omitempty"`
	Port    int    `json:"port"`
	// DataDir and FixedPort are what was asked for: where the data directory is,
	// if not in this folder, and the port to listen on.
	DataDir   string `json:"dataDir,omitempty"`
	FixedPort int    `json:"fixedPort,omitempty"`
	PID       int    `json:"pid"`
	Password  string `json:"password"`
	// Boot is the host's boot during which the server was started.
	Boot      string    `json:"boot"`
	Bound     bool      `json:"bound,omitempty"`
	Surface   string    `json:"surface,omitempty"`
	Point     string    `json:"point,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// Recovery is set for a server that is made from a base backup.
	Recovery *recovery `json:"recovery,omitempty"`
}

// load reads the record and reports whether there is one.
func (i *instance) load() (bool, error) {
	text, err := os.ReadFile(filepath.Join(i.dir, recordName))
	if os.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, fault.Disk(err, "read environment %s", i.id)
	}
	if err := json.Unmarshal(text, &i.rec); err != nil {
		return false, fault.New(fault.Corrupt, "the record of environment %s can't be read: stop it and restore again", i.id)
	}
	i.kind, err = kindNamed(i.rec.Kind)
	return err == nil, err
}

func (i *instance) mustLoad() error {
	found, err := i.load()
	if err == nil && !found {
		return fault.New(fault.Missing, "there is no environment %s on this host", i.id)
	}
	return err
}

// save replaces the record; a crash leaves the old one or the new one.
func (i *instance) save() error {
	text, err := json.MarshalIndent(i.rec, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the record of environment %s: %w", i.id, err)
	}
	return replaceFile(filepath.Join(i.dir, recordName), append(text, '\n'), owner{})
}

// replaceFile writes a file of mode 0600 for its owner and puts it into place in one step.
func replaceFile(path string, text []byte, o owner) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fault.Disk(err, "write %s", path)
	}
	_, err = f.Write(text)
	err = errors.Join(err, o.chown(f.Name()), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fault.Disk(err, "write %s", path)
	}
	return nil
}

// outputFault classifies the failure of a program by what it printed, and shows its last line.
func outputFault(program, output string) error {
	kind := fault.Internal
	switch {
	case strings.Contains(output, "No space left on device"), strings.Contains(output, "Disk quota exceeded"):
		kind = fault.Exhausted
	case strings.Contains(output, "Permission denied"):
		kind = fault.Denied
	}
	return fault.New(kind, "%s failed: %s", program, lastLines(output, 3))
}

// lastLines joins the last n lines that are not empty.
func lastLines(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return "it printed nothing"
	}
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
