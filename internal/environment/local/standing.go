package local

import (
	"os"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// IDs names all servers that have a folder, also those that are half made, in
// order of their names.
func (e *Environment) IDs() ([]string, error) {
	names, err := foldersIn(e.root)
	return names, fault.Disk(err, "list environments")
}

// Groups names the groups that have programs, running or ended, in order of their names.
func (e *Environment) Groups() ([]string, error) {
	names, err := foldersIn(e.programsDir())
	return names, fault.Disk(err, "list the groups of programs")
}

// foldersIn names the folders in a folder whose names can be those of servers or groups.
func foldersIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && idPattern.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
