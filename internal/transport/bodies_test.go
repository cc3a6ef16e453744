package transport_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// late is a transport that answers, or fails, before it has read a body.
type late struct {
	fails error
	body  io.ReadCloser
}

func (l *late) RoundTrip(req *http.Request) (*http.Response, error) {
	l.body = req.Body
	if _, err := io.ReadFull(l.body, make([]byte, 3)); err != nil {
		return nil, err
	}
	if l.fails != nil {
		return nil, l.fails
	}
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: io.NopCloser(strings.NewReader("busy"))}, nil
}

func TestNothingIsReadOfABodyOnceTheRequestHasFailed(t *testing.T) {
	t.Parallel()
	through := &late{fails: errors.New("cut")}
	data := bytes.NewReader([]byte("what is sent"))
	if _, err := transport.Returning(through).RoundTrip(post(t, data)); err == nil {
		t.Fatal("a failure was lost")
	}
	wantOver(t, through.body, data)
}

func TestABodyIsReadUntilTheAnswerIsClosed(t *testing.T) {
	t.Parallel()
	through := &late{}
	data := bytes.NewReader([]byte("what is sent"))
	answer, err := transport.Returning(through).RoundTrip(post(t, data))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(through.body, make([]byte, 3)); err != nil {
		t.Errorf("the body ended while the answer was being read: %v", err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	wantOver(t, through.body, data)
}

func post(t *testing.T, data *bytes.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://store.example/key", data)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// wantOver checks that a transport which goes on reading gets nothing, and
// takes nothing from who has the data next.
func wantOver(t *testing.T, body io.Reader, data *bytes.Reader) {
	t.Helper()
	left := data.Len()
	if n, err := body.Read(make([]byte, 3)); n != 0 || err == nil {
		t.Errorf("read %d bytes of a body that is another's by now, error %v", n, err)
	}
	if data.Len() != left {
		t.Errorf("%d bytes were taken from the next attempt", left-data.Len())
	}
}
