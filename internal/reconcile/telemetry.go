package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// telemetry asks a restored Prometheus about a window of time that ends at the
// moment of its recovery point, as the review of an incident would, and wants
// an answer: some series, and of each its newest value as expected.
func (r *Runner) telemetry(ctx context.Context, rec drill.Reconcile, found *tally) error {
	server, ok := r.Servers[rec.Surface]
	if !ok {
		return notRestored(rec.Surface)
	}
	if server.Kind != kindTelemetry {
		return fault.New(fault.Unsupported, "surface %s is of kind %s, and no observability data", rec.Surface, server.Kind)
	}
	until, ok := r.Moments[rec.Surface]
	if !ok || until.IsZero() {
		return fault.New(fault.Missing, "the moment of the recovery point of %s is not known", rec.Surface)
	}
	q := rangeQuery{query: rec.Query, from: until.Add(-rec.Window.Of()), until: until}
	answer, err := q.ask(ctx, server.URL.Reveal())
	if err != nil {
		return fault.While(err, "ask %s", rec.Surface)
	}
	expected := "a value"
	var expectation drill.Expectation
	if rec.Expect != "" {
		if expectation, err = drill.ParseExpectation(rec.Expect); err != nil {
			return fault.New(fault.Invalid, "expect is wrong: %v", err)
		}
		expected = rec.Expect
	}
	bad, points := 0, 0
	for i, one := range answer {
		points += one.points
		item := drill.Item{
			Name: one.name, Subject: rec.Surface, Expected: expected, Result: drill.Pass,
			Observed: fmt.Sprintf("%s at %s, and %d points in all", one.newest, one.at.Format(time.RFC3339), one.points),
		}
		if rec.Expect != "" && !expectation.Holds(one.newest) {
			item.Result, item.Detail = drill.Fail, "the newest value is not as expected"
			bad++
		}
		found.add(int64(i), item)
	}
	window := fmt.Sprintf("the time from %s to %s", q.from.UTC().Format(time.RFC3339), q.until.UTC().Format(time.RFC3339))
	switch {
	case points == 0:
		found.wrong("the restored copy has no answer for %s: was the data kept, and does the point reach back that far?", window)
	case bad > 0:
		found.say("%d of %d series are not as expected, in %s", bad, len(answer), window)
	default:
		found.say("%d series with %d points in %s", len(answer), points, window)
	}
	return nil
}

// rangeQuery is a PromQL expression over a span of time.
type rangeQuery struct {
	query       string
	from, until time.Time
}

// The steps between points of an answer.
const (
	leastStep = 15 * time.Second
	// mostStep is how long Prometheus takes a sample for the newest: with longer
	// steps it would miss some.
	mostStep = 5 * time.Minute
	// mostPoints is below the number that Prometheus refuses.
	mostPoints = 10_000
)

func (q rangeQuery) step() time.Duration {
	span := q.until.Sub(q.from)
	step := min(max(span/1000, leastStep), mostStep)
	// A very long window is looked at more coarsely rather than not at all.
	return max(step, span/mostPoints).Round(time.Second)
}

// series is one of an answer; at is the time of its newest value.
type series struct {
	name, newest string
	at           time.Time
	points       int
}

// mostMatrix is how large an answer may be, in bytes.
const mostMatrix = 64 << 20

// metrics asks Prometheus: on this host, whatever proxy the worker has.
var metrics = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask makes the query of a server. Errors repeat no URL.
func (q rangeQuery) ask(ctx context.Context, at string) ([]series, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, fault.New(fault.Internal, "the URL of the restored server can't be parsed")
	}
	form := url.Values{
		"query": {q.query}, "start": {seconds(q.from)}, "end": {seconds(q.until)}, "step": {strconv.FormatFloat(q.step().Seconds(), 'f', -1, 64)},
	}
	user := u.User
	u.User = nil
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("api/v1/query_range").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fault.New(fault.Internal, "the URL of the restored server can't be asked")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if password, set := user.Password(); set {
		request.SetBasicAuth(user.Username(), password)
	}
	answer, err := metrics.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		kind := fault.Internal
		if _, network := errors.AsType[net.Error](err); network || errors.Is(err, io.EOF) {
			kind = fault.Unavailable
		}
		return nil, fault.Wrap(kind, err, "the restored Prometheus does not answer")
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostMatrix+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the answer of the restored Prometheus")
	}
	if len(text) > mostMatrix {
		return nil, fault.New(fault.Invalid, "the answer has more than %d bytes: ask for a sum, or for fewer series", mostMatrix)
	}
	return matrix(answer.StatusCode, text)
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// matrix reads an answer of the HTTP API of Prometheus, version 1.
func matrix(status int, text []byte) ([]series, error) {
	var out struct {
		Error string
		Data  struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Values [][2]json.RawMessage
			}
		}
	}
	err := json.Unmarshal(text, &out)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, fault.New(fault.Denied, "the restored Prometheus lets nobody in: HTTP %d", status)
	case status == http.StatusServiceUnavailable && err != nil:
		return nil, fault.New(fault.Unavailable, "the restored Prometheus is not ready: HTTP %d", status)
	case status != http.StatusOK:
		return nil, fault.New(fault.Invalid, "Prometheus refuses the query: HTTP %d, %s", status, strings.Join(strings.Fields(out.Error), " "))
	case err != nil || out.Data.ResultType != "matrix":
		return nil, fault.New(fault.Unsupported, "what answers is no Prometheus")
	}
	var all []series
	for _, one := range out.Data.Result {
		s := series{name: selector(one.Metric), points: len(one.Values)}
		if s.points == 0 {
			continue
		}
		last := one.Values[s.points-1]
		var moment float64
		if json.Unmarshal(last[0], &moment) != nil || json.Unmarshal(last[1], &s.newest) != nil {
			return nil, fault.New(fault.Unsupported, "what answers is no Prometheus")
		}
		s.at = time.UnixMilli(int64(moment * 1000)).UTC()
		all = append(all, s)
	}
	return all, nil
}

// selector names a series as PromQL does: up{job="api"}.
func selector(labels map[string]string) string {
	var out strings.Builder
	out.WriteString(labels["__name__"])
	separator := "{"
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if name == "__name__" {
			continue
		}
		if out.Len() > mostShown {
			out.WriteString(separator + "…")
			separator = ","
			break
		}
		out.WriteString(separator + name + "=" + excerpt([]byte(labels[name])))
		separator = ","
	}
	if separator == "{" {
		out.WriteString("{")
	}
	return out.String() + "}"
}
