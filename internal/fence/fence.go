// Package fence keeps a drill away from what is live, and proves that it kept
// away: a full drill names the stores and surfaces that it may not touch, and
// whatever is about to use one asks first. What was used, and what was refused,
// is written down as it happens.
package fence

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The kinds of what a fence may bar.
const (
	Store   = "store"
	Surface = "surface"
)

// Fence holds the fences of the drills of one host. Its methods may be called
// concurrently, also by several processes of the host.
type Fence struct {
	dir string

	mu sync.Mutex
	// noted is what this process has written down, so that it is written once.
	noted map[note]bool
}

// note is one use that was written down: raised tells a fence from one that was
// raised later for a drill of the same ID.
type note struct {
	drill, kind, name string
	raised            time.Time
}

// New returns the fences that are kept in dataDir/fences. The folder is made
// when the first one is raised.
func New(dataDir string) *Fence {
	return &Fence{dir: filepath.Join(dataDir, "fences"), noted: map[note]bool{}}
}

// Bars are the names of what a drill may not touch.
type Bars struct {
	Stores   []string `json:"stores"`
	Surfaces []string `json:"surfaces"`
}

func (b Bars) bar(kind, name string) bool {
	return kind == Store && slices.Contains(b.Stores, name) || kind == Surface && slices.Contains(b.Surfaces, name)
}

// raised is the file of a fence.
type raised struct {
	Bars
	At time.Time `json:"at"`
}

type drillKey struct{}

// With marks everything that is called with the context as a part of a drill.
func With(ctx context.Context, drillID string) context.Context {
	return context.WithValue(ctx, drillKey{}, drillID)
}

// DrillOf is the drill that a call is a part of, empty for none.
func DrillOf(ctx context.Context) string {
	id, _ := ctx.Value(drillKey{}).(string)
	return id
}

// Raise puts up the fence of a drill, on disk when it returns. Raising the same
// again changes nothing; fault.Conflict for other bars.
func (f *Fence) Raise(ctx context.Context, drillID string, bars Bars) error {
	if err := errors.Join(ctx.Err(), checkID(drillID)); err != nil {
		return err
	}
	bars = Bars{sorted(bars.Stores), sorted(bars.Surfaces)}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fault.Disk(err, "make the folder of fences")
	}
	switch old, err := f.load(drillID); {
	case err == nil && slices.Equal(old.Stores, bars.Stores) && slices.Equal(old.Surfaces, bars.Surfaces):
		return nil
	case err == nil:
		return fault.New(fault.Conflict, "the fence of drill %s bars something else: lower it first", drillID)
	case !fault.Is(err, fault.Missing):
		return err
	}
	text, err := json.Marshal(raised{bars, time.Now().UTC()})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode a fence")
	}
	// Whoever sees the fence finds the file of uses there, empty.
	if err := f.replace(f.usedPath(drillID), nil); err != nil {
		return fault.Disk(err, "raise the fence of drill %s", drillID)
	}
	return fault.Disk(f.replace(f.path(drillID), append(text, '\n')), "raise the fence of drill %s", drillID)
}

// Bars are what the fence of a drill bars, each sorted. Missing when it is not up.
func (f *Fence) Bars(drillID string) (Bars, error) {
	if err := checkID(drillID); err != nil {
		return Bars{}, err
	}
	up, err := f.load(drillID)
	return up.Bars, err
}

// Lower takes down the fence of a drill, with what it has noted: Read comes
// before. Lowering what is not up succeeds.
func (f *Fence) Lower(drillID string) error {
	if err := checkID(drillID); err != nil {
		return err
	}
	for _, path := range []string{f.path(drillID), f.usedPath(drillID)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Disk(err, "lower the fence of drill %s", drillID)
		}
	}
	return nil
}

// Raised names the drills of this host whose fences are up, in order of their names.
func (f *Fence) Raised() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Disk(err, "list the fences")
	}
	var drills []string
	for _, entry := range entries {
		if id, fence := strings.CutSuffix(entry.Name(), ".json"); fence && checkID(id) == nil {
			drills = append(drills, id)
		}
	}
	return drills, nil
}

// Touch is to be asked before a store or a surface is used: kind is Store or
// Surface. Calls outside a drill, and those of a drill without a fence, may use
// everything. Others are noted, each name once, and refused with fault.Denied
// where the fence bars it. What can't be noted may not be done either.
func (f *Fence) Touch(ctx context.Context, kind, name string) error {
	drillID := DrillOf(ctx)
	if drillID == "" {
		return nil
	}
	if err := checkID(drillID); err != nil {
		return err
	}
	fence, err := f.load(drillID)
	if fault.Is(err, fault.Missing) {
		return nil
	}
	if err != nil {
		return err
	}
	barred := fence.bar(kind, name)
	if err := f.note(drillID, fence, use{Kind: kind, Name: name, Refused: barred}); err != nil {
		return err
	}
	if barred {
		return fault.New(fault.Denied, "drill %s may not touch the %s %s: it is live, and fenced off", drillID, kind, name)
	}
	return nil
}

// note writes a use down, unless this process has done so before.
func (f *Fence) note(drillID string, fence raised, u use) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := note{drillID, u.Kind, u.Name, fence.At}
	if f.noted[key] {
		return nil
	}
	u.At = time.Now().UTC()
	if err := f.append(drillID, u); err != nil {
		return fault.Disk(err, "note what drill %s uses", drillID)
	}
	f.noted[key] = true
	return nil
}

func (f *Fence) load(drillID string) (raised, error) {
	text, err := os.ReadFile(f.path(drillID))
	if errors.Is(err, fs.ErrNotExist) {
		return raised{}, fault.New(fault.Missing, "drill %s has no fence on this host", drillID)
	}
	if err != nil {
		return raised{}, fault.Disk(err, "read the fence of drill %s", drillID)
	}
	var out raised
	if err := json.Unmarshal(text, &out); err != nil {
		return raised{}, fault.New(fault.Corrupt, "the fence of drill %s can't be read: lower it and begin a new drill", drillID)
	}
	return out, nil
}

func (f *Fence) path(drillID string) string { return filepath.Join(f.dir, drillID+".json") }

func (f *Fence) usedPath(drillID string) string { return filepath.Join(f.dir, drillID+".used") }

// idPattern keeps an ID a plain file name.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func checkID(drillID string) error {
	if !idPattern.MatchString(drillID) {
		return fault.New(fault.Invalid, "%q can't be the ID of a drill", drillID)
	}
	return nil
}

func sorted(names []string) []string {
	out := append([]string{}, names...)
	slices.Sort(out)
	return slices.Compact(out)
}

// replace writes a file to disk and puts it into place in one step.
func (f *Fence) replace(path string, text []byte) error {
	file, err := os.CreateTemp(f.dir, ".fence.*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
