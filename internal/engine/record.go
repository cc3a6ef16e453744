package engine

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The files in an engine's folder.
const (
	recordFile   = "engine.json"
	lockFile     = "engine.lock"
	databaseFile = "temporal.sqlite"
)

// Record tells other processes about the engine that runs on a folder. Until it
// is ready, only PID, StartedAt and Port are set; where none runs, only Port.
type Record struct {
	PID           int       `json:"pid"`
	ServerVersion string    `json:"serverVersion,omitempty"`
	SchemaVersion string    `json:"schemaVersion,omitempty"`
	Address       string    `json:"address,omitempty"`
	UIURL         string    `json:"uiUrl,omitempty"`
	Namespace     string    `json:"namespace,omitempty"`
	StartedAt     time.Time `json:"startedAt,omitzero"`
	// Port is where clients connect, or last did: those that are connected when
	// an engine ends find the next one there.
	Port int `json:"port,omitempty"`
}

// Find returns the record of the engine that runs on dir now, in whatever
// process. It fails with fault.Missing when none does, and with
// fault.Unavailable while one starts.
func Find(dir string) (Record, error) {
	held, err := lockIsHeld(filepath.Join(dir, lockFile))
	if err != nil {
		return Record{}, err
	}
	if !held {
		return Record{}, fault.New(fault.Missing, "no engine runs on %s: start `lifeboat up`, or set temporal.address", dir)
	}
	r, err := readRecord(dir)
	if err == nil && r.Address == "" {
		err = notReady(dir)
	}
	return r, err
}

func notReady(dir string) error {
	return fault.New(fault.Unavailable, "the engine on %s is not ready yet: try again in a moment", dir)
}

func readRecord(dir string) (Record, error) {
	raw, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, notReady(dir)
	}
	if err != nil {
		return Record{}, fault.Wrap(fault.Internal, err, "reading the engine's record")
	}
	var r Record
	if err := json.Unmarshal(raw, &r); err != nil {
		return Record{}, fault.Wrap(fault.Corrupt, err, "reading the engine's record %s", filepath.Join(dir, recordFile))
	}
	return r, nil
}

// writeRecord replaces the record at once, so that nobody reads half of one.
// It need not survive a crash: the next Start writes another.
func writeRecord(dir string, r Record) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encoding the engine's record")
	}
	next := filepath.Join(dir, recordFile+".new")
	if err := os.WriteFile(next, append(raw, '\n'), 0o600); err != nil {
		return fault.Wrap(fault.Internal, err, "writing the engine's record")
	}
	if err := os.Rename(next, filepath.Join(dir, recordFile)); err != nil {
		return fault.Wrap(fault.Internal, err, "writing the engine's record")
	}
	return nil
}

// lastPort is where the last engine on dir listened, 0 where nobody knows.
func lastPort(dir string) int {
	r, err := readRecord(dir)
	if err != nil {
		return 0
	}
	return r.Port
}

// clearRecord leaves of a record what the next engine needs.
func clearRecord(dir string) error { return writeRecord(dir, Record{Port: lastPort(dir)}) }
