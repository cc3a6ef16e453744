package redis

import (
	"bufio"
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// headerSize is the length of an RDB file's magic and version: REDIS0011, VALKEY080.
const headerSize = 9

// footerSize is what ends a DUMP payload: the RDB version in two bytes, little
// endian, and a checksum of eight.
const footerSize = 10

// rdbVersion reads the version of an RDB file without consuming it.
func rdbVersion(r *bufio.Reader) (int, error) {
	header, err := r.Peek(headerSize)
	if err != nil {
		return 0, truncatedRDB(err)
	}
	digits, ok := strings.CutPrefix(string(header), "REDIS")
	if !ok {
		digits, ok = strings.CutPrefix(string(header), "VALKEY")
	}
	version, err := strconv.Atoi(digits)
	if !ok || err != nil || version < 1 {
		return 0, fault.New(fault.Corrupt, "the part is no RDB file: it begins with %q", header)
	}
	return version, nil
}

func truncatedRDB(err error) error {
	if fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.Wrap(fault.Corrupt, err, "the part is too short for an RDB file")
}

// The versions from 12 to 79 are Redis's alone since the two went their own ways; Valkey's begin at 80.
const (
	firstForeign = 12
	lastForeign  = 79
)

// mustRead reports a server that can't load an RDB of the version. The server
// must be empty: it says what it can by dumping a key that is made for it.
func (a address) mustRead(ctx context.Context, version int, spec partSpec, own info) error {
	c := a.open(ctx, 0)
	defer c.Close()
	const key = "lifeboat:version"
	if err := c.Set(ctx, key, "", 0).Err(); err != nil {
		return a.failure(err, "find out which data it reads")
	}
	payload, err := c.Dump(ctx, key).Result()
	if err != nil {
		return a.failure(err, "find out which data it reads")
	}
	if err := c.Del(ctx, key).Err(); err != nil {
		return a.failure(err, "find out which data it reads")
	}
	if len(payload) < footerSize {
		return fault.New(fault.Unsupported, "the server dumps a key in %d bytes", len(payload))
	}
	reads := int(binary.LittleEndian.Uint16([]byte(payload[len(payload)-footerSize:])))
	foreign := own.Product == "Valkey" && version >= firstForeign && version <= lastForeign
	if version > reads || foreign {
		return fault.New(fault.Unsupported, "the data comes from %s %s (RDB version %d) and %s %s can't read it (it reads up to %d): install the server that it comes from, or a newer one",
			spec.Product, spec.Version, version, own.Product, own.Version, reads)
	}
	return nil
}
