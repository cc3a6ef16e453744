package archive

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Base is what the manifest of a base backup says beside its parts: what is
// needed to choose it for a target and to recover from it.
type Base struct {
	// SystemID is the cluster's system identifier. It is a string in JSON, for
	// it has 64 bits.
	SystemID uint64 `json:"systemId,string"`
	// Timeline is the one that the backup began on, and StartLSN from where WAL is needed.
	Timeline uint32  `json:"timeline"`
	StartLSN wal.LSN `json:"startLsn"`
	// StopLSN is up to where WAL must be replayed before the cluster is consistent.
	StopLSN   wal.LSN   `json:"stopLsn"`
	StartedAt time.Time `json:"startedAt"`
	StoppedAt time.Time `json:"stoppedAt"`
	// SegmentSize is that of the cluster's WAL, in bytes.
	SegmentSize int64 `json:"segmentSize"`
	// Superuser is the role that the cluster was initialised with: the one role
	// that is sure to be in it.
	Superuser string `json:"superuser,omitempty"`
	// Tablespaces are those beside the data directory.
	Tablespaces []BaseTablespace `json:"tablespaces,omitempty"`
	// Parent is the ID of the point that an incremental backup builds on; empty for a full one.
	Parent string `json:"parent,omitempty"`
}

// BaseTablespace is one tablespace as it was on the source.
type BaseTablespace struct {
	OID uint32 `json:"oid"`
	// Location is its absolute path, or pg_tblspc/OID for one within the data directory.
	Location string `json:"location"`
}

func (b Base) validate() error {
	switch {
	case b.SystemID == 0:
		return errors.New("it has no systemId")
	case b.Timeline == 0:
		return errors.New("it has no timeline")
	case !wal.ValidSegmentSize(b.SegmentSize):
		return fmt.Errorf("WAL segments of %d bytes are not possible", b.SegmentSize)
	case b.StartLSN == 0 || b.StopLSN < b.StartLSN:
		return fmt.Errorf("a backup from %s to %s is not possible", b.StartLSN, b.StopLSN)
	case b.StartedAt.IsZero() || b.StoppedAt.Before(b.StartedAt):
		return errors.New("it has no startedAt, or stoppedAt is before")
	}
	if b.Parent != "" {
		if _, err := ParseID(b.Parent); err != nil {
			return fmt.Errorf("its parent: %w", err)
		}
	}
	seen := make(map[uint32]bool, len(b.Tablespaces))
	for _, t := range b.Tablespaces {
		inPlace := fmt.Sprintf("pg_tblspc/%d", t.OID)
		if t.OID == 0 || seen[t.OID] || strings.ContainsRune(t.Location, 0) || (t.Location != inPlace && !path.IsAbs(t.Location)) {
			return fmt.Errorf("tablespace %d at %.200q is not possible", t.OID, t.Location)
		}
		seen[t.OID] = true
	}
	return nil
}

// validateBase checks that base backups, and nothing else, have a Base.
func (m Manifest) validateBase() error {
	switch {
	case m.Kind != KindBase && m.Base != nil:
		return fmt.Errorf("kind %q has no base", m.Kind)
	case m.Kind != KindBase:
		return nil
	case m.Base == nil:
		return errors.New("it has no base")
	case m.Base.Parent == m.ID:
		return errors.New("its base has itself as parent")
	}
	if err := m.Base.validate(); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	return nil
}
