package replication

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// BaseOptions say how to take a base backup.
type BaseOptions struct {
	// Label stands in the backup's backup_label.
	Label string
	// Fast asks for a checkpoint at once, rather than one spread over minutes.
	Fast bool
	// MaxRateKBps bounds what the server sends, in KiB a second from 32 to 1048576; zero is no bound.
	MaxRateKBps int
	// IncrementalManifest is the manifest of an earlier backup, of which only what
	// has changed since is sent. PostgreSQL 17 and newer, with summarize_wal on.
	IncrementalManifest io.Reader
}

// Tablespace is one besides the two that are in the data directory.
type Tablespace struct {
	OID      uint32 `json:"oid"`
	Location string `json:"location"`
	// Bytes is the server's estimate of its archive, a multiple of 1024.
	Bytes int64 `json:"bytes"`
}

// BaseStart is what is known before the first archive.
type BaseStart struct {
	Timeline    uint32
	Start       wal.LSN
	Tablespaces []Tablespace
	// Estimate is the server's, in bytes, of all archives together.
	Estimate int64
}

// BaseSink receives a base backup. An error of its methods ends the backup and
// is returned by it. What is written is valid until Write returns; there is no
// call at an archive's end but what comes next.
type BaseSink interface {
	Begin(start BaseStart) error
	// Archive begins a tar archive, OID.tar of a tablespace at a location or, as
	// the last, base.tar of the data directory, whose links in pg_tblspc lead to
	// the tablespaces' locations on the server. It holds no WAL.
	Archive(name, location string) (io.Writer, error)
	// Manifest begins the backup manifest: JSON, with CRC32C checksums of all files.
	Manifest() (io.Writer, error)
	// Progress is how many bytes of archives the server has sent so far, about once a second.
	Progress(done int64)
}

// BaseResult is what a complete backup is.
type BaseResult struct {
	// WAL from Start on Timeline to Stop on StopTimeline is what makes it consistent.
	Timeline, StopTimeline uint32
	Start, Stop            wal.LSN
	Tablespaces            []Tablespace
	// Checksums is whether the cluster has data checksums, which the server then
	// has verified. ChecksumFailures is what it says of pages that failed, in its
	// own words, at most a hundred lines: the backup is complete, and holds them
	// as they are.
	Checksums        bool
	ChecksumFailures []string
	// Warnings is what else the server remarked, at most a hundred lines.
	Warnings []string
}

// BaseBackup copies the whole cluster into sink. When ctx ends, so does the
// backup on the server, and the connection with it. A server may be silent for
// long, in a spread checkpoint or at a low rate, and is waited for.
//
// The error is Invalid for what the server's settings or the options rule out,
// Denied when the role may not, Lost when a standby is promoted meanwhile or
// when an incremental backup can't be taken on top of that manifest.
func (c *Conn) BaseBackup(ctx context.Context, o BaseOptions, sink BaseSink) (BaseResult, error) {
	if o.MaxRateKBps != 0 && (o.MaxRateKBps < 32 || o.MaxRateKBps > 1<<20) {
		return BaseResult{}, fault.New(fault.Invalid, "the rate limit of %d KiB/s is outside of what PostgreSQL allows, 32 to 1048576", o.MaxRateKBps)
	}
	checksums, err := c.show(ctx, "data_checksums")
	if err != nil {
		return BaseResult{}, err
	}
	if o.IncrementalManifest != nil {
		if err := c.uploadManifest(ctx, o.IncrementalManifest); err != nil {
			return BaseResult{}, err
		}
	}
	w, release, err := c.take(ctx, o.command())
	if err != nil {
		return BaseResult{}, err
	}
	defer release()
	b := &backup{wire: w, sink: sink, result: BaseResult{Checksums: checksums == "on"}}
	w.notice = b.remark
	err = b.run()
	if err == nil {
		return b.result, nil
	}
	if state(err) == "" || b.sinkErr != nil {
		c.abandon()
	}
	if ctx.Err() != nil {
		return BaseResult{}, context.Cause(ctx)
	}
	if b.sinkErr != nil {
		return BaseResult{}, b.sinkErr
	}
	return BaseResult{}, c.backupFailed(err, o, b.started)
}

func (o BaseOptions) command() string {
	checkpoint := "spread"
	if o.Fast {
		checkpoint = "fast"
	}
	options := []string{
		"LABEL '" + strings.ReplaceAll(o.Label, "'", "''") + "'", "PROGRESS", "CHECKPOINT '" + checkpoint + "'",
		// The WAL is shipped apart: nobody need wait until it is archived.
		"WAIT false", "MANIFEST 'yes'", "MANIFEST_CHECKSUMS 'CRC32C'", "TARGET 'client'",
	}
	if o.MaxRateKBps > 0 {
		options = append(options, "MAX_RATE "+strconv.Itoa(o.MaxRateKBps))
	}
	if o.IncrementalManifest != nil {
		options = append(options, "INCREMENTAL")
	}
	return "BASE_BACKUP (" + strings.Join(options, ", ") + ")"
}

// backupFailed says what an error of the server means for who wants a backup.
func (c *Conn) backupFailed(err error, o BaseOptions, started bool) error {
	doing := "take a base backup"
	switch code := state(err); {
	case code == notInPrerequisite && started:
		return fault.Wrap(fault.Lost, err, "%s: what has been copied is not consistent; take another one", doing)
	case code == notInPrerequisite && o.IncrementalManifest != nil:
		return fault.Wrap(fault.Lost, err, "%s: it can't be incremental; take a full one", doing)
	case code == notInPrerequisite:
		return fault.Wrap(fault.Invalid, err, "%s: set wal_level = replica and full_page_writes = on in postgresql.conf", doing)
	case code == noPrivilege:
		return fault.Wrap(fault.Denied, err, "%s: run ALTER ROLE %q REPLICATION", doing, c.config.User)
	}
	return c.classify(err, fmt.Sprintf("%s of PostgreSQL %d", doing, c.major))
}
