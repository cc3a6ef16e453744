package fence

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// use is one line of what a drill has used.
type use struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Refused bool      `json:"refused,omitempty"`
}

// append adds one line. The kernel keeps lines of several processes apart that
// are written at once and to the end (O_APPEND).
func (f *Fence) append(drillID string, u use) error {
	line, err := json.Marshal(u)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.usedPath(drillID), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	if err == nil && u.Refused {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Read returns what a drill used, and what it was refused, each sorted, as
// store:NAME and surface:NAME. Errors: Missing when its fence is not up, Corrupt
// when what was noted can't be read in full.
func (f *Fence) Read(drillID string) (used, refused []string, err error) {
	if err := checkID(drillID); err != nil {
		return nil, nil, err
	}
	if _, err := f.load(drillID); err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(f.usedPath(drillID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.New(fault.Corrupt, "what drill %s used is not there to be read: begin a new drill", drillID)
	}
	if err != nil {
		return nil, nil, fault.Disk(err, "read what drill %s used", drillID)
	}
	for line := range bytes.Lines(text) {
		var u use
		if err := json.Unmarshal(line, &u); err != nil || u.Kind == "" || u.Name == "" || line[len(line)-1] != '\n' {
			return nil, nil, fault.New(fault.Corrupt, "what drill %s used can't be read: begin a new drill", drillID)
		}
		if name := u.Kind + ":" + u.Name; u.Refused {
			refused = append(refused, name)
		} else {
			used = append(used, name)
		}
	}
	slices.Sort(used)
	slices.Sort(refused)
	return slices.Compact(used), slices.Compact(refused), nil
}
