package notify

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// poster asks one address.
type poster struct {
	client *http.Client
	url    secret.String
}

func newPoster(c Config) (poster, error) {
	t, err := transport.New(transport.Options{CAFile: c.CAFile, Idle: Timeout})
	if err != nil {
		return poster{}, err
	}
	// Messages are far apart: a connection that was kept is a connection that broke.
	t.DisableKeepAlives = true
	return poster{url: c.URL, client: &http.Client{
		Transport: transport.Returning(t), Timeout: Timeout,
		// A redirected POST arrives as a GET, without what it was to tell.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// post makes one attempt to send JSON. The headers are added to those of JSON.
func (p poster) post(ctx context.Context, body []byte, headers map[string]string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Invalid, "the channel's url is not one")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Lifeboat")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	return p.ask(req, "send to the channel")
}

func (p poster) ask(req *http.Request, doing string) error {
	answer, err := p.client.Do(req)
	if err != nil {
		return transport.Fault(err, doing)
	}
	defer answer.Body.Close()
	// What it says may repeat what was sent, tokens included: the status is all that is used.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	return refusal(answer.StatusCode)
}

// refusal is what an HTTP status says of an attempt, nil for success.
func refusal(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fault.New(fault.Invalid, "the channel's address answered HTTP %d, a redirect: set url to where it leads", status)
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests, status >= 500:
		return fault.New(fault.Unavailable, "the channel answered HTTP %d", status)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fault.New(fault.Denied, "the channel answered HTTP %d: its url or secret is not accepted", status)
	case status == http.StatusNotFound, status == http.StatusGone:
		return fault.New(fault.Denied, "the channel answered HTTP %d: its url leads nowhere any more", status)
	default:
		return fault.New(fault.Invalid, "the channel answered HTTP %d: it does not take the message", status)
	}
}

// present is the time as it goes into messages.
func present() time.Time { return time.Now().UTC() }
