package telemetry

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// liveAnswersWithin is how long a restore waits for the protected Prometheus to
// say where its data is: as a rule it is lost when there is something to restore.
const liveAnswersWithin = 10 * time.Second

// notLive refuses a folder that is the data of the protected Prometheus, by its
// own word or the configuration's. It reports whether that folder is known.
func (s *Surface) notLive(ctx context.Context, dir string) (known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, liveAnswersWithin)
	defer cancel()
	said, err := s.source.dataDir(ctx)
	if err != nil {
		said = ""
	}
	for _, live := range []string{s.dir, said} {
		if live != "" && sameFolder(live, dir) {
			return true, fault.New(fault.Unsupported, "%s is the data of the Prometheus that is protected: restore into another one", dir)
		}
	}
	return s.dir != "" || said != "", nil
}

// sameFolder sees through links.
func sameFolder(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// owns reports whether a process of this host listens where the URL points, and
// was started with the folder as its data: what it says of a path by its API may
// be true of another host. A server behind a gateway, in another container or on
// a system without /proc shows no such process.
func owns(ctx context.Context, base *url.URL, dir string) bool {
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	if !isThisHost(ctx, base.Hostname()) {
		return false
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return false
	}
	for _, at := range commands {
		line, err := os.ReadFile(at)
		if err != nil {
			// It has ended meanwhile.
			continue
		}
		data, listens := flagsOf(strings.Split(string(line), "\x00"))
		if data == "" || !strings.HasSuffix(listens, ":"+port) {
			continue
		}
		if !filepath.IsAbs(data) {
			data = filepath.Join(filepath.Dir(at), "cwd", data)
		}
		if sameFolder(data, dir) {
			return true
		}
	}
	return false
}

// flagsOf reads from a command line of Prometheus where its data is and where it
// listens; data is empty for any other program.
func flagsOf(args []string) (data, listens string) {
	listens = ":9090"
	for i, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			continue
		}
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "storage.tsdb.path":
			data = value
		case "web.listen-address":
			listens = value
		}
	}
	return data, listens
}

// isThisHost reports whether a name leads to an address of this host.
func isThisHost(ctx context.Context, host string) bool {
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, ip := range found {
		if ip.IP.IsLoopback() {
			return true
		}
		for _, address := range own {
			if network, ok := address.(*net.IPNet); ok && network.IP.Equal(ip.IP) {
				return true
			}
		}
	}
	return false
}
