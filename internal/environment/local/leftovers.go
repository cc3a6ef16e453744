package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Leftovers says what is still there of servers, by ID, and of the programs of
// a group, after they were stopped: folders, processes and sockets. It is empty
// when nothing is left. An empty group is none. A recovered data directory at a
// place that was named is meant to stay, and is not looked for.
func (e *Environment) Leftovers(ids []string, group string) ([]string, error) {
	var out []string
	for _, id := range ids {
		i, err := e.instance(id)
		if err != nil {
			return nil, err
		}
		left, err := leftIn(i.dir)
		if err != nil {
			return nil, err
		}
		out = append(out, left...)
	}
	if group == "" {
		return out, nil
	}
	dir, err := e.groupDir(group)
	if err != nil {
		return nil, err
	}
	left, err := leftIn(dir)
	return append(out, left...), err
}

// leftIn says what is left of a folder's servers or programs.
func leftIn(dir string) ([]string, error) {
	var out []string
	if _, err := os.Lstat(dir); err == nil {
		out = append(out, "folder "+dir)
	} else if !os.IsNotExist(err) {
		return nil, fault.Disk(err, "look for %s", dir)
	}
	pids, err := residents(dir)
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		name, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
		out = append(out, fmt.Sprintf("process %d (%s) of %s", pid, strings.TrimSpace(string(name)), dir))
	}
	// The sockets of processes that may not be looked into are named by the processes alone.
	sockets, _ := socketsOf(pids)
	for _, s := range sockets {
		if s.listens() {
			out = append(out, fmt.Sprintf("socket %s %s of %s", s.network, s.local, dir))
		}
	}
	unix, err := os.ReadFile("/proc/net/unix")
	if err != nil && !os.IsNotExist(err) {
		return nil, fault.Disk(err, "look for sockets")
	}
	for line := range strings.Lines(string(unix)) {
		if at := strings.Index(line, " "+dir+"/"); at >= 0 {
			out = append(out, "socket "+strings.TrimSpace(line[at:]))
		}
	}
	return out, nil
}

// residents are all processes of the servers or programs of a folder.
func residents(dir string) ([]int, error) {
	servers, err := processesIn(dir)
	if err != nil {
		return nil, fault.Disk(err, "look for processes")
	}
	supervisors, programs, err := programProcesses(dir)
	if err != nil {
		return nil, err
	}
	out := slices.Concat(servers, supervisors, programs)
	all, err := processTable()
	if err != nil {
		return nil, err
	}
	for pid := range all {
		at, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
		if err == nil && within(strings.TrimSuffix(at, " (deleted)"), dir) && pid != os.Getpid() {
			out = append(out, pid)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
