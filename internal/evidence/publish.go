package evidence

import (
	"bytes"
	"context"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// publish brings evidence/checkpoint and the remembered checkpoint up to the
// newest entry, and returns what went wrong. Writers may race: whoever has
// written looks for entries newer than what it wrote, and writes again, so that
// the last write is of the newest entry, whoever's it is.
func (l *Ledger) publish(ctx context.Context) (warnings []string) {
	for {
		t := l.known()
		if err := l.remember(t.head, l.trusted); err != nil {
			warnings = append(warnings, warning(err, "the checkpoint could not be kept on this machine"))
		}
		published, err := l.published(ctx)
		if err == nil && published.size >= t.head.size {
			return warnings
		}
		if err == nil {
			_, err = l.store.Put(ctx, checkpointKey, bytes.NewReader(t.head.note), store.PutOptions{Estimate: int64(len(t.head.note))})
		}
		var newer bool
		if err == nil {
			newer, err = l.exists(ctx, t.head.size)
		}
		if err == nil && newer {
			_, err = l.current(ctx)
		}
		if err != nil {
			return append(warnings, warning(err, "the entry is appended, but %s could not be brought up to it", checkpointKey))
		}
		if !newer {
			return warnings
		}
	}
}

func warning(err error, format string, args ...any) string {
	return fault.Line(fault.While(err, "%s", fmt.Sprintf(format, args...)))
}
