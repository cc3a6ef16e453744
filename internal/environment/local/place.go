package local

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// placeData makes the data directory: in the environment's folder or, where a
// place was named, there, with a link to it in the folder. A place that has
// something in it is left alone.
func (i *instance) placeData(o owner) error {
	place := i.rec.DataDir
	if place == "" {
		return o.mkdir(i.data())
	}
	if _, err := os.Lstat(i.data()); err == nil {
		return o.chown(place)
	}
	if err := checkPlace(place); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(place, 0o700); err != nil && !os.IsExist(err) {
		return err
	}
	if err := os.Chmod(place, 0o700); err != nil {
		return err
	}
	if err := o.mustReach(filepath.Dir(place)); err != nil {
		return err
	}
	if err := o.chown(place); err != nil {
		return err
	}
	return os.Symlink(place, i.data())
}

// checkPlace refuses a place that has something in it.
func checkPlace(place string) error {
	if place == "" {
		return nil
	}
	entries, err := os.ReadDir(place)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fault.Disk(err, "look into %s", place)
	case len(entries) > 0:
		return fault.New(fault.Conflict, "the folder %s is not empty: name one that is, or that does not exist", place)
	}
	return nil
}

// emptyPlace removes what a recovery that failed left in a place that was
// named. A recovered data directory stays there: it is what was asked for.
func (i *instance) emptyPlace() error {
	if i.rec.DataDir == "" || i.rec.State == stateDurable {
		return nil
	}
	entries, err := os.ReadDir(i.data())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(i.rec.DataDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
