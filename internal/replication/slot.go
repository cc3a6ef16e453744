package replication

import (
	"context"
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Slot is a physical replication slot as a replication connection sees it. Who
// uses it, and what it holds back, only SQL says: see Held.
type Slot struct {
	Exists bool
	// RestartLSN is where the WAL begins that the server keeps for the slot, on
	// RestartTimeline. It is zero where nothing is kept: before a slot that does
	// not reserve WAL is first used, or when its WAL has been given up.
	RestartLSN      wal.LSN
	RestartTimeline uint32
}

// CreateSlot makes a physical slot that keeps WAL from now on. One that exists
// already is good, unless it is logical: that is Conflict.
func (c *Conn) CreateSlot(ctx context.Context, name string) error {
	if err := checkSlot(name); err != nil {
		return err
	}
	doing := "create the replication slot " + name
	_, err := c.ask(ctx, fmt.Sprintf("CREATE_REPLICATION_SLOT %q PHYSICAL (RESERVE_WAL)", name), 1)
	if state(err) == duplicateObject {
		_, err := c.Slot(ctx, name)
		return fault.While(err, "%s", doing)
	}
	return c.classify(err, doing)
}

// DropSlot removes a slot and lets go of the WAL it keeps. One that does not
// exist is good; one in use is Conflict.
func (c *Conn) DropSlot(ctx context.Context, name string) error {
	if err := checkSlot(name); err != nil {
		return err
	}
	_, err := c.conn.Exec(ctx, fmt.Sprintf("DROP_REPLICATION_SLOT %q", name)).ReadAll()
	if state(err) == undefinedObject {
		return nil
	}
	return c.classify(err, "drop the replication slot "+name)
}

// Slot reads a slot's state. A logical slot of that name is Conflict.
func (c *Conn) Slot(ctx context.Context, name string) (Slot, error) {
	if err := checkSlot(name); err != nil {
		return Slot{}, err
	}
	doing := "read the replication slot " + name
	values, err := c.ask(ctx, fmt.Sprintf("READ_REPLICATION_SLOT %q", name), 3)
	if state(err) == featureNotSupported {
		return Slot{}, fault.Wrap(fault.Conflict, err, "%s: it is a logical slot; choose another name", doing)
	}
	if err != nil {
		return Slot{}, c.classify(err, doing)
	}
	if values[0] == nil {
		return Slot{}, nil
	}
	if values[1] == nil {
		return Slot{Exists: true}, nil
	}
	at, tli, err := position(values[1], values[2])
	return Slot{Exists: true, RestartLSN: at, RestartTimeline: tli}, fault.While(err, "%s", doing)
}

// checkSlot allows the names that PostgreSQL allows, which need no quoting.
func checkSlot(name string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789_"
	if name == "" || len(name) > 63 || strings.Trim(name, allowed) != "" {
		return fault.New(fault.Invalid, "%q is no name of a replication slot: lower-case letters, digits and underscores, at most 63", name)
	}
	return nil
}
