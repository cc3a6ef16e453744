package pages

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The limits of streams of events.
const (
	// maxStreams is how many a server keeps open at once. Pages that get none stay
	// as they were loaded, and try again.
	maxStreams = 200
	// maxStreamsEach is how many of them one session may have: as many tabs, beside
	// which nobody else's pages stand still.
	maxStreamsEach = 8
	// streamLife is how long one lasts before the browser opens the next.
	streamLife = 5 * time.Minute
	// writeTimeout is how long a browser may take to accept an event.
	writeTimeout = 10 * time.Second
	// quiet is how long a stream may be silent: proxies cut those that are for longer.
	quiet = 20 * time.Second
)

// streams counts those that are open.
type streams struct {
	mu  sync.Mutex
	all int
	// of is how many each session has. Those of nobody end at once, and have none.
	of map[string]int
}

// take counts one more of a session, false when there are too many.
func (k *streams) take(session string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all >= maxStreams || k.of[session] >= maxStreamsEach {
		return false
	}
	k.all++
	if session != "" {
		if k.of == nil {
			k.of = map[string]int{}
		}
		k.of[session]++
	}
	return true
}

func (k *streams) drop(session string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all--
	if session == "" {
		return
	}
	if k.of[session]--; k.of[session] == 0 {
		delete(k.of, session)
	}
}

// topic is something that pages follow: parts of a page, made anew at every interval.
type topic struct {
	every time.Duration
	parts func(v *visit) ([]part, error)
}

// part is a piece of a page that is sent, as an event of a name, whenever it
// has changed: a template that the file of a page defines.
type part struct {
	event        string
	page, define string
	data         any
}

// live adds a topic: GET /events?topic=NAME. A page follows it by
// <div sse-connect="/events?topic=NAME" sse-close="close"> around elements with sse-swap="EVENT".
func (s *site) live(name string, every time.Duration, parts func(v *visit) ([]part, error)) {
	s.topics[name] = topic{every, parts}
}

// events streams the parts of a topic (server-sent events, WHATWG HTML 9.2)
// until the session or the stream's time ends.
func (s *site) events(c echo.Context) error {
	s.guard(c)
	following, known := s.topics[c.QueryParam("topic")]
	if !known {
		return echo.ErrNotFound
	}
	session := ""
	if v, ok := s.visitor(c); ok {
		session = v.session.Token
	}
	if !s.streams.take(session) {
		c.Response().Header().Set("Retry-After", "30")
		return c.NoContent(http.StatusServiceUnavailable)
	}
	defer s.streams.drop(session)
	out := &stream{c: c, control: http.NewResponseController(c.Response()), sent: map[string][]byte{}}
	// The server's own limits are for requests that end.
	if err := out.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fault.Wrap(fault.Internal, err, "prepare a stream of events")
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	// nginx would keep events back to send many at once.
	h.Set("X-Accel-Buffering", "no")
	err := s.follow(c, following, out)
	if err != nil && !c.Response().Committed {
		return err
	}
	return nil
}

// follow sends what has changed, at every tick, until something ends it.
func (s *site) follow(c echo.Context, following topic, out *stream) error {
	tick := time.NewTicker(following.every)
	defer tick.Stop()
	end := time.NewTimer(streamLife)
	defer end.Stop()
	for {
		v, ok := s.visitor(c)
		if !ok {
			return s.signedOut(out)
		}
		parts, err := following.parts(v)
		if problem, refused := errors.AsType[*problem](err); refused {
			// What can't be read now may be the next time. A page says so when it is loaded.
			parts, err = []part{{event: "trouble", page: "error", define: "trouble", data: problem}}, nil
		}
		if err != nil {
			return err
		}
		for _, p := range parts {
			text, err := s.execute(p.page, p.define, v.view(p.data))
			if err == nil {
				err = out.changed(p.event, text)
			}
			if err != nil {
				return err
			}
		}
		if err := out.alive(); err != nil {
			return err
		}
		select {
		case <-c.Request().Context().Done():
			return nil
		case <-s.api.Stopping():
			return nil
		case <-end.C:
			return nil
		case <-tick.C:
		}
	}
}

// signedOut says in the page that its session is over, and keeps the browser
// from asking again.
func (s *site) signedOut(out *stream) error {
	text, err := s.execute("login", "over", s.bare(nil))
	if err == nil {
		err = out.send("session", text)
	}
	if err == nil {
		err = out.send("close", nil)
	}
	return err
}

// stream writes events.
type stream struct {
	c       echo.Context
	control *http.ResponseController
	// sent is what each event last said.
	sent map[string][]byte
	last time.Time
}

// changed sends an event unless it says what the last one of its name said.
func (o *stream) changed(event string, text []byte) error {
	if before, known := o.sent[event]; known && bytes.Equal(before, text) {
		return nil
	}
	o.sent[event] = text
	return o.send(event, text)
}

func (o *stream) send(event string, text []byte) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "event: %s\n", event)
	for line := range bytes.Lines(text) {
		fmt.Fprintf(&out, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	if len(text) == 0 {
		out.WriteString("data: \n")
	}
	out.WriteByte('\n')
	return o.write(out.Bytes())
}

// alive keeps a quiet stream from being cut.
func (o *stream) alive() error {
	if time.Since(o.last) < quiet {
		return nil
	}
	return o.write([]byte(": here\n\n"))
}

func (o *stream) write(text []byte) error {
	o.last = time.Now()
	if err := o.control.SetWriteDeadline(o.last.Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := o.c.Response().Write(text); err != nil {
		return err
	}
	o.c.Response().Flush()
	return nil
}
