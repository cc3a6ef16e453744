package basebackup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// maxManifest bounds what is read of a manifest: 256 MiB has room for two million files.
const maxManifest = 256 << 20

// Manifest is PostgreSQL's backup_manifest (manual, "Backup Manifest Format").
type Manifest struct {
	// Version is 1, or 2 from PostgreSQL 17 on.
	Version int
	// SystemID is the cluster's system identifier; 0 in version 1, which hasn't got it.
	SystemID uint64
	// Files by path, without what recovery needs beside them.
	Files map[string]File
	// WAL is what must be replayed.
	WAL []WALRange
}

// File is one file of the backup.
type File struct {
	Size int64
	// CRC32C is of the contents, where Summed.
	CRC32C uint32
	Summed bool
}

// WALRange is a piece of a timeline.
type WALRange struct {
	Timeline uint32  `json:"Timeline"`
	Start    wal.LSN `json:"Start-LSN"`
	End      wal.LSN `json:"End-LSN"`
}

type manifestText struct {
	Version  int        `json:"PostgreSQL-Backup-Manifest-Version"`
	SystemID uint64     `json:"System-Identifier"`
	Files    []fileText `json:"Files"`
	WAL      []WALRange `json:"WAL-Ranges"`
	Checksum string     `json:"Manifest-Checksum"`
}

type fileText struct {
	Path      string `json:"Path"`
	Encoded   string `json:"Encoded-Path"`
	Size      int64  `json:"Size"`
	Algorithm string `json:"Checksum-Algorithm"`
	Checksum  string `json:"Checksum"`
}

// ReadManifest reads a manifest and checks its own checksum. One that is
// damaged or names files outside of the data directory is fault.Corrupt, one
// of a newer version or with other checksums than CRC32C fault.Unsupported.
func ReadManifest(r io.Reader) (*Manifest, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fault.While(err, "reading the backup manifest")
	}
	if len(data) > maxManifest {
		return nil, fault.New(fault.Corrupt, "the backup manifest has more than %d bytes", maxManifest)
	}
	m, err := parseManifest(data)
	return m, fault.While(err, "the backup manifest")
}

func parseManifest(data []byte) (*Manifest, error) {
	var text manifestText
	if err := json.Unmarshal(data, &text); err != nil {
		return nil, fault.New(fault.Corrupt, "it is malformed: %s", strconv.Quote(fault.Line(err)))
	}
	if text.Version != 1 && text.Version != 2 {
		return nil, fault.New(fault.Unsupported, "its version is %d; 1 and 2 are known", text.Version)
	}
	// The checksum is over all lines before its own.
	at := bytes.LastIndex(data, []byte(`"Manifest-Checksum"`))
	if at < 0 || seal.SHA256(data[:at]) != text.Checksum {
		return nil, fault.New(fault.Corrupt, "it was altered: its checksum is not what it says")
	}
	m := &Manifest{Version: text.Version, SystemID: text.SystemID, WAL: text.WAL, Files: make(map[string]File, len(text.Files))}
	for _, f := range text.Files {
		name, file, err := f.parse()
		if err != nil {
			return nil, err
		}
		if _, twice := m.Files[name]; twice {
			return nil, fault.New(fault.Corrupt, "it lists %.200q twice", name)
		}
		m.Files[name] = file
	}
	return m, nil
}

func (f fileText) parse() (string, File, error) {
	name := f.Path
	if name == "" {
		decoded, err := hex.DecodeString(f.Encoded)
		if err != nil {
			return "", File{}, fault.New(fault.Corrupt, "it has a file without a path")
		}
		name = string(decoded)
	}
	if !safeName(name) || f.Size < 0 {
		return "", File{}, fault.New(fault.Corrupt, "%.200q with %d bytes can't be in a data directory", name, f.Size)
	}
	file := File{Size: f.Size}
	switch f.Algorithm {
	case "", "NONE":
		return name, file, nil
	case "CRC32C":
	default:
		return "", File{}, fault.New(fault.Unsupported, "%.200q has a checksum of type %.20q; CRC32C is known", name, f.Algorithm)
	}
	// PostgreSQL writes the number's bytes as they lie in memory, the lowest first.
	sum, err := hex.DecodeString(f.Checksum)
	if err != nil || len(sum) != 4 {
		return "", File{}, fault.New(fault.Corrupt, "%.200q has the checksum %.40q, which is none", name, f.Checksum)
	}
	file.CRC32C, file.Summed = binary.LittleEndian.Uint32(sum), true
	return name, file, nil
}
