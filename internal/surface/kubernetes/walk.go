package kubernetes

import (
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// pageObjects is how many objects are asked for at once.
	pageObjects = 500
	// listsAhead is how many lists are read at once: while the objects of one
	// are written, the next ones are on their way.
	listsAhead = 4
	// heldBytes is how much of a list is held back before the first object of
	// it is handed on, so that a list that expires can be started over. With a
	// page more for each list, what is in memory stays below 80 MiB.
	heldBytes = 12 << 20
	// maxRestarts is how often a list is started over.
	maxRestarts = 3
)

// batch is some objects of a list, or why there are none.
type batch struct {
	items []json.RawMessage
	err   error
}

// walk reads lists, and hands their objects to each in the order of the lists
// and within a list of the API server. What can't be read is handed to refused,
// whose error ends it; types that are gone meanwhile have no objects. Each list
// is of one resource version.
func (l *lister) walk(ctx context.Context, lists []listing, refused func(of listing, why string) error, each func(Object) error) error {
	ctx, cancel := context.WithCancel(ctx)
	group, reading := errgroup.WithContext(ctx)
	// A reader that nobody listens to any more ends with its context.
	defer func() { cancel(); _ = group.Wait() }()
	group.SetLimit(listsAhead + 1)
	read := make([]chan batch, len(lists))
	for i := range read {
		read[i] = make(chan batch)
	}
	group.Go(func() error {
		for i, of := range lists {
			if reading.Err() != nil {
				return nil
			}
			group.Go(func() error {
				defer close(read[i])
				l.fetch(reading, of, read[i])
				return nil
			})
		}
		return nil
	})
	for i, of := range lists {
		if err := l.hand(ctx, of, read[i], refused, each); err != nil {
			return err
		}
	}
	return nil
}

// hand passes on the objects of one list.
func (l *lister) hand(ctx context.Context, of listing, from <-chan batch, refused func(listing, string) error, each func(Object) error) error {
	for {
		var got batch
		var more bool
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "list %s", of)
		case got, more = <-from:
		}
		if !more {
			// One that was told to end has closed, too.
			return fault.Wrap(fault.Unavailable, ctx.Err(), "list %s", of)
		}
		if got.err != nil {
			return l.judge(of, got.err, refused)
		}
		for i, text := range got.items {
			got.items[i] = nil
			o, err := of.of.object(text)
			if err != nil {
				return err
			}
			if err := each(o); err != nil {
				return err
			}
		}
	}
}

// judge tells what can't be read from what failed.
func (l *lister) judge(of listing, err error, refused func(listing, string) error) error {
	why := unreadable(of.of, err)
	switch {
	case why != "":
		return refused(of, why)
	case apierrors.IsNotFound(err):
		return nil
	default:
		return cluster.Failure(err, "list %s", of)
	}
}

// String names a list for people.
func (l listing) String() string {
	if l.namespace == "" {
		return l.of.Resource.String()
	}
	return l.of.Resource.String() + " in namespace " + l.namespace
}

// fetch reads a list, and sends what it has read: all at once where that is
// little, and else as it comes.
func (l *lister) fetch(ctx context.Context, of listing, to chan<- batch) {
	var held []json.RawMessage
	bytes, restarts, limit, token, begun := 0, 0, pageObjects, "", false
	send := func(b batch) bool {
		select {
		case to <- b:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		p, err := l.page(ctx, of, limit, token)
		var tooLarge overfull
		switch {
		case errors.As(err, &tooLarge):
			limit = tooLarge.fits
			continue
		case apierrors.IsResourceExpired(err) && token != "" && !begun && restarts < maxRestarts:
			restarts++
			held, bytes, token = nil, 0, ""
			continue
		case apierrors.IsResourceExpired(err):
			send(batch{err: fault.New(fault.Unavailable, "the list expired before it was written: the part is read anew")})
			return
		case err != nil:
			send(batch{err: err})
			return
		}
		if p.bytes <= pageBytes/2 {
			limit = min(2*limit, pageObjects)
		}
		held, bytes, token = append(held, p.items...), bytes+p.bytes, p.next
		if bytes > heldBytes || begun || token == "" {
			if begun = true; len(held) > 0 && !send(batch{items: held}) {
				return
			}
			held, bytes = nil, 0
		}
		if token == "" {
			return
		}
	}
}
