package redis

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// cleanupWithin bounds what is tidied up after a failure or a cancellation.
const cleanupWithin = 30 * time.Second

// scratchID names the one server of a scratch environment.
const scratchID = "scratch"

// scratch is a server that holds a snapshot to be looked at: no parser of ours
// could know RDB as well. It dies with this process and keeps everything in memory.
type scratch struct {
	address address
	env     *local.Environment
	dir     string
	conn    net.Conn
}

// startScratch starts a server that can read the part, and loads it.
func (s *Surface) startScratch(ctx context.Context, part surface.Part, rdb io.Reader) (*scratch, error) {
	spec, err := specOf(part)
	if err != nil {
		return nil, err
	}
	// Only the server's settings and log are written here. The system's own
	// folder for that can be reached by the user that the server runs as.
	dir, err := os.MkdirTemp("", "lifeboat-redis-*")
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "make a folder for a scratch server")
	}
	scratch := &scratch{env: local.New(dir), dir: dir}
	if err := scratch.start(ctx, s.binDir, spec, rdb); err != nil {
		scratch.stop()
		return nil, fault.While(err, "read the snapshot with a scratch server")
	}
	return scratch, nil
}

func (s *scratch) start(ctx context.Context, binDir string, spec partSpec, rdb io.Reader) error {
	if err := os.Chmod(s.dir, 0o711); err != nil {
		return err
	}
	server, err := s.env.Start(ctx, scratchID, local.Spec{
		Kind: Kind, Product: spec.Product, Major: spec.Major, BinDir: binDir, Bound: true,
	})
	if err != nil {
		return err
	}
	if s.address, err = parse(server.URL, surface.Config{}); err != nil {
		return err
	}
	if s.conn, err = s.address.load(ctx, spec, rdb); errors.Is(err, errRefused) {
		log, _ := s.env.Log(scratchID)
		return refusal(log)
	}
	return err
}

// stop ends the server and removes its folder.
func (s *scratch) stop() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupWithin)
	defer cancel()
	// A server that resists ends with this process.
	_ = s.env.Stop(ctx, scratchID)
	_ = os.RemoveAll(s.dir)
}

// complaints are what a server's log says of data that it does not load.
var complaints = []struct {
	words string
	kind  fault.Kind
}{
	{"Can't handle RDB format version", fault.Unsupported},
	{"module data I can't load", fault.Unsupported},
	{"Data file was created with a", fault.Unsupported},
	{"Out Of Memory", fault.Exhausted},
	{"Wrong RDB checksum", fault.Corrupt},
	{"Wrong signature", fault.Corrupt},
	{"Internal error in RDB", fault.Corrupt},
	{"Short read", fault.Corrupt},
}

// refusal finds the reason in a server's log.
func refusal(log string) error {
	for _, c := range complaints {
		for line := range strings.Lines(log) {
			if _, said, ok := strings.Cut(line, c.words); ok {
				return fault.New(c.kind, "%v: %s%s", errRefused, c.words, short(strings.TrimRight(said, "\r\n")))
			}
		}
	}
	return fault.New(fault.Unavailable, "%v; the last that it logged is: %s", errRefused, lastLine(log))
}

func lastLine(log string) string {
	log = strings.TrimSpace(log)
	return short(log[strings.LastIndexByte(log, '\n')+1:])
}
