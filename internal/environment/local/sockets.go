package local

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// socket is one of TCP or UDP, as proc(5) has it in /proc/net.
type socket struct {
	network       string
	local, remote netip.AddrPort
	state         int
	inode         string
}

// The states of sockets, include/net/tcp_states.h; UDP has two of them.
const (
	tcpEstablished = 1
	tcpClose       = 7
	tcpListen      = 10
)

// endingLooks is how often a process that may not be looked into is looked at
// again: whether it was about to end is known then.
const endingLooks = 50

// listens reports whether anybody may send to the socket unasked.
func (s socket) listens() bool {
	return s.state == tcpListen || s.network == "udp" && s.state == tcpClose
}

// connected reports whether the socket has another end, or is about to.
func (s socket) connected() bool {
	return !s.listens() && s.remote.Port() != 0 && (s.network == "tcp" || s.state == tcpEstablished)
}

// tree are the server's processes: the main one, and all that descend from it.
func (i *instance) tree() ([]int, error) {
	main, err := processesIn(i.dir)
	if err != nil {
		return nil, err
	}
	all, err := processTable()
	if err != nil {
		return nil, err
	}
	roots := map[int]bool{}
	for _, pid := range main {
		roots[pid] = true
	}
	for pid := range all {
		if !roots[pid] && descends(all, pid, roots) {
			main = append(main, pid)
		}
	}
	return main, nil
}

// sockets are all that the server's processes have open.
func (i *instance) sockets() ([]socket, error) {
	pids, err := i.tree()
	if err == nil && len(pids) == 0 {
		err = errors.New("the server has no process")
	}
	if err != nil {
		return nil, err
	}
	return socketsOf(pids)
}

// socketsOf finds the sockets that processes have open. All see the same network.
func socketsOf(pids []int) ([]socket, error) {
	inodes := map[string]bool{}
	for _, pid := range pids {
		if err := lookInto(pid, func() error { return socketInodes(pid, inodes) }); err != nil {
			return nil, err
		}
	}
	var out []socket
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		f, err := os.Open(filepath.Join("/proc/net", table))
		if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(table, "6") {
			// The host was started without IPv6.
			continue
		}
		if err != nil {
			return nil, err
		}
		found, err := readSockets(f, strings.TrimSuffix(table, "6"))
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("read /proc/net/%s: %w", table, err)
		}
		for _, s := range found {
			if inodes[s.inode] {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// socketInodes adds the sockets that a process has open.
func socketInodes(pid int, inodes map[string]bool) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		to, err := os.Readlink(filepath.Join(dir, entry.Name()))
		if err != nil && !gone(err) {
			return err
		}
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return nil
}

// lookInto calls f, which looks into a process. One that ended meanwhile is no
// error; one that is about to end belongs to nobody for a moment.
func lookInto(pid int, f func() error) error {
	for again := 0; ; again++ {
		err := f()
		if errors.Is(err, fs.ErrPermission) && os.Geteuid() == 0 {
			err = asUserOf(pid, f)
		}
		if err == nil || gone(err) {
			return nil
		}
		_, alive := parentOf(pid)
		switch {
		case !errors.Is(err, fs.ErrPermission):
			return err
		case !alive:
			return nil
		case again == endingLooks:
			return err
		}
		time.Sleep(pollEvery)
	}
}

// asUserOf calls f with the right to look into a process that its own user
// has. Root, too, may not trace others in most containers.
func asUserOf(pid int, f func() error) error {
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	if err != nil {
		return err
	}
	user, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.ErrUnsupported
	}
	result := make(chan error, 1)
	go func() {
		// The IDs are the thread's own, setfsuid(2), and it ends with this goroutine: it is never unlocked.
		runtime.LockOSThread()
		for _, set := range []struct{ call, id uintptr }{{syscall.SYS_SETFSGID, uintptr(user.Gid)}, {syscall.SYS_SETFSUID, uintptr(user.Uid)}} {
			if _, _, errno := syscall.RawSyscall(set.call, set.id, 0, 0); errno != 0 {
				result <- errno
				return
			}
		}
		result <- f()
	}()
	return <-result
}

// gone reports whether a process has ended as it was looked at.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// readSockets reads a table of /proc/net.
func readSockets(r io.Reader, network string) ([]socket, error) {
	var out []socket
	lines := bufio.NewScanner(r)
	lines.Scan()
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 {
			return nil, fmt.Errorf("a line has %d fields", len(fields))
		}
		s := socket{network: network, inode: fields[9]}
		state, err := strconv.ParseUint(fields[3], 16, 8)
		if err != nil {
			return nil, err
		}
		s.state = int(state)
		if s.local, err = parseEnd(fields[1]); err != nil {
			return nil, err
		}
		if s.remote, err = parseEnd(fields[2]); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, lines.Err()
}

// parseEnd reads an address with its port: words of 32 bits as the host has
// them in memory, and a number.
func parseEnd(text string) (netip.AddrPort, error) {
	words, number, ok := strings.Cut(text, ":")
	port, err := strconv.ParseUint(number, 16, 16)
	if !ok || err != nil || len(words) != 8 && len(words) != 32 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
	}
	var raw []byte
	for at := 0; at < len(words); at += 8 {
		word, err := strconv.ParseUint(words[at:at+8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%q is no address", text)
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	address, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(address.Unmap(), uint16(port)), nil
}
