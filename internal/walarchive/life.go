package walarchive

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const (
	// lifeEvery is how often the marker of the stream's life is stored at most.
	lifeEvery = 30 * time.Second
	// sightingsKept bounds what is remembered of the server's positions.
	sightingsKept = 64
)

// Stream is the marker of a stream's life, stored as stream.json.
type Stream struct {
	// Host is who streams, since Started.
	Host     string    `json:"host"`
	Started  time.Time `json:"started"`
	Timeline uint32    `json:"timeline"`
	// ServerLSN is how far the server's WAL had got at ServerTime, by its own
	// clock; zero when it has not said so yet.
	ServerLSN  wal.LSN   `json:"serverLsn"`
	ServerTime time.Time `json:"serverTime,omitzero"`
	// Flushed is up to where everything was durable when the marker was stored.
	Flushed wal.LSN `json:"flushed"`
	// KnownUntil is the latest moment, by the server's clock, of which it is
	// known that all WAL written until then is durable here.
	KnownUntil time.Time `json:"knownUntil,omitzero"`
	// Updated is when the marker was stored, by the streaming host's clock.
	Updated time.Time `json:"updated"`
	// Ended is set when the stream was ended in good order.
	Ended bool `json:"ended,omitempty"`
}

type streamFile struct {
	Format int `json:"format"`
	Stream
}

func (s *streamFile) valid() error {
	if s.Timeline == 0 {
		return fault.New(fault.Corrupt, "it names no timeline")
	}
	return nil
}

// Stream returns the marker of the stream that was there last; fault.Missing
// when there was none.
func (a *Archive) Stream(ctx context.Context) (Stream, error) {
	var s streamFile
	err := a.readJSON(ctx, a.key(streamName), &s)
	if fault.Is(err, fault.Missing) {
		err = fault.New(fault.Missing, "the WAL of %s was never streamed", a.surface)
	}
	return s.Stream, err
}

// sighting is how far the server was at a moment.
type sighting struct {
	at   wal.LSN
	when time.Time
}

// life gathers what the marker says.
type life struct {
	marker Stream
	// sightings are those whose position is not durable yet, oldest first.
	sightings []sighting
}

// newLife begins the marker of a Writer with what the last one's says of the
// same timeline: what was durable until a moment stays so, also when this Writer
// ends before the server has said anything.
func (a *Archive) newLife(ctx context.Context, o WriterOptions) (life, error) {
	l := life{marker: Stream{Host: o.Host, Started: time.Now().UTC(), Timeline: o.Timeline}}
	before, err := a.Stream(ctx)
	switch fault.KindOf(err) {
	case fault.Missing, fault.Corrupt, fault.Unsupported:
		// It says nothing, and is of no other use.
		return l, nil
	}
	if err == nil && before.Timeline == o.Timeline {
		l.marker.ServerLSN, l.marker.ServerTime, l.marker.KnownUntil = before.ServerLSN, before.ServerTime, before.KnownUntil
	}
	return l, err
}

func (l *life) saw(at wal.LSN, when time.Time) {
	l.marker.ServerLSN, l.marker.ServerTime = at, when.UTC()
	if len(l.sightings) < sightingsKept {
		l.sightings = append(l.sightings, sighting{at, when.UTC()})
	}
}

// durable notes up to where everything is.
func (l *life) durable(to wal.LSN) {
	l.marker.Flushed = to
	for len(l.sightings) > 0 && l.sightings[0].at <= to {
		l.marker.KnownUntil = l.sightings[0].when
		l.sightings = l.sightings[1:]
	}
}

// live stores the marker if it is time to, or at the end.
func (w *Writer) live(last bool) error {
	now := time.Now().UTC()
	w.mu.Lock()
	w.life.durable(w.Flushed())
	due := last || now.Sub(w.life.marker.Updated) >= lifeEvery
	if due {
		w.life.marker.Updated, w.life.marker.Ended = now, last
	}
	marker := w.life.marker
	w.mu.Unlock()
	if !due {
		return nil
	}
	return w.archive.writeJSON(w.ctx, w.archive.key(streamName), streamFile{FormatVersion, marker}, false)
}
