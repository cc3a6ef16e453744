package basebackup

import (
	"cmp"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// syncers is how many files are made durable at once: a file system commits
// what waits together.
const syncers = 8

// sync makes the part's files and their folders durable.
func (x *extractor) sync() error {
	names := make([]string, 0, len(x.out.Files)+len(x.made)+1)
	for _, f := range x.out.Files {
		name, err := filepath.Rel(path.Join("/", x.prefix), path.Join("/", f.Path))
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	if err := x.syncAll(names); err != nil {
		return err
	}
	folders := []string{"."}
	for dir := range x.made {
		folders = append(folders, dir)
	}
	return x.syncAll(folders)
}

func (x *extractor) syncAll(names []string) error {
	var group errgroup.Group
	group.SetLimit(syncers)
	for _, name := range names {
		group.Go(func() error {
			file, err := x.root.Open(name)
			if err != nil {
				return err
			}
			return cmp.Or(file.Sync(), file.Close())
		})
	}
	return group.Wait()
}

// syncFile makes one file or folder durable.
func syncFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	return cmp.Or(file.Sync(), file.Close())
}
