package storetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Script is what a service says in its own protocol.
type Script struct {
	// Taken refuses a write because there is an object under the key, Denied
	// because the caller may not write.
	Taken, Denied Reply
	// Found and Missing answer those who look for an object.
	Found, Missing Reply
}

// Reply is one answer of a Script.
type Reply struct {
	Status int
	// Header has lines that end with CRLF; it may be empty.
	Header, Body string
}

// RunCurt checks what a store makes of a service that hangs up on a write
// without having read it, with an answer or without: open opens a store whose
// service is at a URL.
func RunCurt(t *testing.T, open func(t *testing.T, address string) store.Store, script Script) {
	for _, c := range []struct {
		name string
		// write and look are the answers to writes and to all else; nil is none.
		write, look *Reply
		ifAbsent    bool
		want        fault.Kind
	}{
		{"Taken", &script.Taken, &script.Missing, true, fault.Conflict},
		{"Denied", &script.Denied, &script.Missing, true, fault.Denied},
		{"DeniedAlways", &script.Denied, &script.Missing, false, fault.Denied},
		{"Cut", nil, &script.Missing, true, fault.Unavailable},
		{"CutAndTaken", nil, &script.Found, true, fault.Conflict},
		{"CutAlways", nil, &script.Found, false, fault.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut || r.Method == http.MethodPost {
					hangUp(t, w, c.write)
				} else {
					hangUp(t, w, c.look)
				}
			}))
			t.Cleanup(service.Close)
			s := open(t, service.URL)
			// More than fits into the buffers on the way, and less than what the
			// libraries ask about before they send it.
			const size = 2*mib - 1
			rounds := 5
			if c.write == nil {
				// The libraries try each again and again.
				rounds = 2
			}
			for range rounds {
				_, err := s.Put(t.Context(), "key", newContent(1, size), store.PutOptions{IfAbsent: c.ifAbsent})
				expectKind(t, err, c.want, "put")
			}
		})
	}
}

// hangUp answers and ends the connection. What was sent and is not read makes
// the end a reset.
func hangUp(t *testing.T, w http.ResponseWriter, reply *Reply) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if reply != nil {
		// Whoever has given up meanwhile hears nothing.
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			reply.Status, http.StatusText(reply.Status), reply.Header, len(reply.Body), reply.Body)
	}
}
