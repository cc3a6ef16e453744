package transport

import (
	"io"
	"net/http"
	"sync"
)

// Returning hands requests to next and lets go of each body in time: once a
// request has failed, or its answer was closed, nothing of the body is read any
// more. By itself an HTTP transport may go on reading for a while when a server
// answers early or a connection breaks; by then a retry has rewound the same
// body, or an upload has put its buffer to another use.
//
// A body's Read must not block: bodies are in memory.
func Returning(next http.RoundTripper) http.RoundTripper { return returning{next} }

type returning struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r returning) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return r.next.RoundTrip(req)
	}
	lent := &loan{}
	out := *req
	out.Body = &lentBody{lent, req.Body}
	if req.GetBody != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := req.GetBody()
			return &lentBody{lent, body}, err
		}
	}
	answer, err := r.next.RoundTrip(&out)
	if err != nil {
		lent.end()
		return nil, err
	}
	answer.Body = &lastWord{answer.Body, lent}
	return answer, nil
}

// loan is for how long a body may be read.
type loan struct {
	mu   sync.Mutex
	over bool
}

// end waits for a Read under way, and lets none follow.
func (l *loan) end() {
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
}

type lentBody struct {
	*loan
	body io.ReadCloser
}

func (b *lentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.body.Read(p)
}

func (b *lentBody) Close() error { return b.body.Close() }

// lastWord is the body of an answer: when it is closed, the request is done with.
type lastWord struct {
	io.ReadCloser
	lent *loan
}

func (w *lastWord) Close() error {
	err := w.ReadCloser.Close()
	w.lent.end()
	return err
}
