package observe

import (
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// folder is a path on this host, and what it is for.
type folder struct{ path, what string }

// folders are those whose file systems are looked at: of this host alone.
func (r *Reader) folders() []folder {
	out := []folder{{r.s.Config.DataDir, "data"}}
	for _, name := range slices.Sorted(maps.Keys(r.s.Config.Stores)) {
		if s := r.s.Config.Stores[name]; s.Kind == "local" {
			out = append(out, folder{s.Dir, "store " + name})
		}
	}
	for _, path := range r.s.Config.Watch.Disks {
		out = append(out, folder{path, "watched"})
	}
	return out
}

// disks are the file systems of folders, each once, for all it is used for. A
// folder that is not there yet is passed over, but for one that is watched.
func disks(host string, folders []folder) ([]status.Disk, []error) {
	var out []status.Disk
	var failed []error
	known := map[uint64]int{}
	for _, f := range folders {
		found, device, err := fileSystem(f.path)
		if fault.Is(err, fault.Missing) && f.what != "watched" {
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if i, twice := known[device]; twice {
			out[i].What += ", " + f.what
			continue
		}
		known[device] = len(out)
		found.Where, found.What = host+":"+f.path, f.what
		out = append(out, found)
	}
	return out, failed
}
