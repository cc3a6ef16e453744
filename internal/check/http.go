package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// http makes one request. No redirect is followed: what answers one answered
// with that status. No proxy of the environment is used.
func (r *Runner) http(ctx context.Context, c drill.Check) observation {
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	o := observation{subject: method + " " + withoutUser(c.URL), expected: expectedAnswer(c)}
	request, err := http.NewRequestWithContext(ctx, method, c.URL, strings.NewReader(c.Body))
	if err != nil {
		// The cause may quote the URL with its password.
		o.err = fault.New(fault.Invalid, "url is not well-formed")
		return o
	}
	request.Header.Set("User-Agent", userAgent)
	for name, value := range c.Headers {
		request.Header.Set(name, value.Reveal())
		if http.CanonicalHeaderKey(name) == "Host" {
			request.Host = value.Reveal()
		}
	}
	client, err := httpClient(c)
	if err != nil {
		o.err = err
		return o
	}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		// The URL is the subject, and not repeated.
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		o.observed, o.err = "no answer", unreachable(err, "%s %s", method, request.URL.Host)
		return o
	}
	defer answer.Body.Close()
	o.judgeAnswer(c, answer)
	return o
}

func httpClient(c drill.Check) (*http.Client, error) {
	config, err := tlsConfig(c)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true,
			// The body is judged as it was sent.
			DisableCompression:     true,
			MaxResponseHeaderBytes: MaxRead,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// tlsConfig is how a check verifies the server that it asks.
func tlsConfig(c drill.Check) (*tls.Config, error) {
	config := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return config, nil
	}
	var err error
	config.RootCAs, err = roots(c.CAFile)
	return config, err
}

// judgeAnswer compares status, headers and body, in this order.
func (o *observation) judgeAnswer(c drill.Check, answer *http.Response) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxRead+1))
	whole := len(body) <= MaxRead
	o.observed = answer.Status
	for _, name := range slices.Sorted(maps.Keys(c.ExpectHeaders)) {
		if values := answer.Header.Values(name); len(values) > 0 {
			o.observed += fmt.Sprintf("; %s: %s", name, strings.Join(values, ", "))
		}
	}
	o.log = o.observed + ": " + string(body[:min(len(body), MaxRead)])
	if len(body) == 0 {
		o.log = o.observed
	}
	if o.err = judgeStatus(c.Status, answer); o.err == nil {
		o.err = judgeHeaders(c.ExpectHeaders, answer.Header)
	}
	if o.err == nil && err != nil {
		o.err = unreachable(err, "read the body")
	}
	if o.err != nil || c.Expect == "" && c.JSONPath == "" {
		o.observed = o.log
		return
	}
	switch {
	case !whole:
		o.err = tooLong("the body")
	case c.JSONPath == "":
		o.observed = o.log
		o.err = judge("the body", string(body), c.Expect)
	default:
		value, err := jsonValue(body, c.JSONPath)
		if err != nil {
			o.err = err
			return
		}
		o.observed += ": " + value
		o.err = judge(c.JSONPath, value, c.Expect)
	}
}

func judgeStatus(want int, answer *http.Response) error {
	got := answer.StatusCode
	if want == got || want == 0 && got >= 200 && got <= 299 {
		return nil
	}
	if location := answer.Header.Get("Location"); location != "" && got >= 300 && got <= 399 {
		return unlike("it answered with status %d, a redirect to %s, which a check does not follow", got, withoutUser(location))
	}
	return unlike("it answered with status %d, expected %s", got, statusText(want))
}

func judgeHeaders(want map[string]string, got http.Header) error {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		values := got.Values(name)
		if len(values) == 0 {
			return unlike("the answer has no header %s", name)
		}
		expect := want[name]
		if expect == "" {
			expect = "="
		}
		if err := judge("the header "+name, strings.Join(values, ", "), expect); err != nil {
			return err
		}
	}
	return nil
}

func statusText(want int) string {
	if want == 0 {
		return "200 to 299"
	}
	return fmt.Sprint(want)
}

// expectedAnswer writes all that is expected of an answer.
func expectedAnswer(c drill.Check) string {
	parts := []string{"status " + statusText(c.Status)}
	for _, name := range slices.Sorted(maps.Keys(c.ExpectHeaders)) {
		parts = append(parts, expects(name, c.ExpectHeaders[name]))
	}
	switch {
	case c.JSONPath != "" && c.Expect == "":
		parts = append(parts, "a value at "+c.JSONPath)
	case c.JSONPath != "":
		parts = append(parts, expects(c.JSONPath, c.Expect))
	case c.Expect != "":
		parts = append(parts, expects("body", c.Expect))
	}
	return strings.Join(parts, "; ")
}

// withoutUser is a URL without the name and the password that it may hold.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that is not well-formed"
	}
	u.User = nil
	return u.String()
}
