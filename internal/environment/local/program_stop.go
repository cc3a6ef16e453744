package local

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// StopGroup ends all programs of a group with everything that they started,
// also what went into the background, by force after some seconds, and removes
// their folders. Stopping what does not exist succeeds.
func (e *Environment) StopGroup(ctx context.Context, group string) error {
	dir, err := e.groupDir(group)
	if err != nil {
		return err
	}
	unlock, err := e.lockGroup(ctx, group)
	if err != nil {
		return err
	}
	defer unlock()
	if err := endPrograms(ctx, dir); err != nil {
		return fault.While(err, "end the programs of %s", group)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fault.Disk(err, "remove %s", dir)
	}
	// A supervisor that a killed worker had just started may have come in between.
	if err := endPrograms(ctx, dir); err != nil {
		return fault.While(err, "end the programs of %s", group)
	}
	return fault.Disk(os.Remove(e.groupLock(group)), "remove the lock of %s", group)
}

// endPrograms ends every process of the programs in a folder. Supervisors end
// when they have nothing to watch any more; until then they are the parents of
// whatever loses its own.
func endPrograms(ctx context.Context, dir string) error {
	gently, cancel := context.WithTimeout(ctx, quitWithin)
	defer cancel()
	var asked []int
	var failed error
	look := func(signal syscall.Signal) func() bool {
		return func() bool {
			supervisors, others, err := programProcesses(dir)
			if err != nil {
				failed = err
				return true
			}
			for _, pid := range others {
				// Whoever starts another one, or has ended, is seen the next time.
				if signal == syscall.SIGKILL || !slices.Contains(asked, pid) {
					asked = append(asked, pid)
					_ = syscall.Kill(pid, signal)
				}
			}
			if len(others) == 0 && signal == syscall.SIGKILL {
				for _, pid := range supervisors {
					_ = syscall.Kill(pid, signal)
				}
			}
			return len(supervisors)+len(others) == 0
		}
	}
	if err := poll(gently, programPoll, look(syscall.SIGTERM)); err == nil {
		return failed
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	forcibly, cancelForce := context.WithTimeout(ctx, cleanupWithin)
	defer cancelForce()
	if err := poll(forcibly, programPoll, look(syscall.SIGKILL)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "processes outlive being killed")
	}
	return failed
}

// processes are all that run of the program.
func (i *program) processes() ([]int, error) {
	_, pids, err := programProcesses(i.dir)
	return pids, err
}

// programProcesses finds the supervisors of the programs in a folder, and all
// other processes of these programs: those that descend from a supervisor, and
// those that still have ProgramVariable.
func programProcesses(dir string) (supervisors, others []int, err error) {
	all, err := processTable()
	if err != nil {
		return nil, nil, err
	}
	ours := map[int]bool{}
	for _, p := range all {
		if p.supervises(dir) {
			ours[p.pid] = true
			supervisors = append(supervisors, p.pid)
		}
	}
	marker := []byte("\x00" + ProgramVariable + "=" + dir)
	for _, p := range all {
		if ours[p.pid] || p.pid == os.Getpid() {
			continue
		}
		if descends(all, p.pid, ours) || p.hasMarker(marker) {
			others = append(others, p.pid)
		}
	}
	slices.Sort(supervisors)
	slices.Sort(others)
	return supervisors, others, nil
}

// tabled is one living process.
type tabled struct{ pid, parent int }

// processTable has every process of the host that has not ended.
func processTable() (map[int]tabled, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fault.Disk(err, "look for processes")
	}
	out := map[int]tabled{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if parent, alive := parentOf(pid); alive {
			out[pid] = tabled{pid, parent}
		}
	}
	return out, nil
}

// parentOf reads /proc/PID/stat, proc(5). Zombies have ended.
func parentOf(pid int) (parent int, alive bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, false
	}
	// The name, in parentheses, may have anything in it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, err == nil
}

// descends reports whether a process has an ancestor among some.
func descends(all map[int]tabled, pid int, ancestors map[int]bool) bool {
	// Processes that end while the table is read may leave it inconsistent, though never for long chains.
	for range len(all) {
		p, ok := all[pid]
		if !ok {
			return false
		}
		if _, ok := all[p.parent]; !ok && p.parent != 0 {
			// The parent has ended since, and another one has taken its place.
			if p.parent, ok = parentOf(pid); !ok {
				return false
			}
			all[pid] = p
		}
		if ancestors[p.parent] {
			return true
		}
		pid = p.parent
	}
	return false
}

func (p tabled) supervises(dir string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "cmdline"))
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	return len(args) == 3 && args[1] == superviseFlag && within(args[2], dir)
}

func (p tabled) hasMarker(marker []byte) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "environ"))
	if err != nil {
		return false
	}
	_, rest, found := bytes.Cut(append([]byte{0}, text...), marker)
	return found && (len(rest) == 0 || rest[0] == 0 || rest[0] == filepath.Separator)
}

// within reports whether a path is that of a folder, or of something in it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+string(filepath.Separator))
}
