package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// request is one call of a method.
type request struct {
	method string
	params []any
}

// answer is what came back for one request: a result, which may be null, or an error of its own.
type answer struct {
	result json.RawMessage
	err    error
}

// wireRequest and wireAnswer are the objects of JSON-RPC 2.0.
type wireRequest struct {
	Version string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

type wireAnswer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *wireError      `json:"error"`
}

type wireError struct {
	// Some gateways write the code as a string.
	Code    json.Number `json:"code"`
	Message string      `json:"message"`
}

// one calls a method and decodes its result into out.
func (c *Client) one(ctx context.Context, out any, method string, params ...any) error {
	answers, err := c.ask(ctx, []request{{method, params}})
	if err != nil {
		return err
	}
	return answers[0].into(out, method)
}

// into decodes a result; a null leaves out as it was.
func (a answer) into(out any, method string) error {
	if a.err != nil {
		return a.err
	}
	if err := json.Unmarshal(a.result, out); err != nil {
		return fault.New(fault.Corrupt, "the node's result of %s can't be read: %s", method, brief(err.Error()))
	}
	return nil
}

// ask sends requests in batches, and gives the answers in the order of the
// requests. Its error is one of a whole batch; an answer has its own.
func (c *Client) ask(ctx context.Context, requests []request) ([]answer, error) {
	answers := make([]answer, 0, len(requests))
	for len(requests) > 0 {
		n := min(c.batch, len(requests))
		part, err := c.batched(ctx, requests[:n])
		if err != nil {
			return nil, err
		}
		answers = append(answers, part...)
		requests = requests[n:]
	}
	return answers, nil
}

// batched sends one batch. What the node finds too large, as a whole or from
// some request on, is asked for again in halves.
func (c *Client) batched(ctx context.Context, requests []request) ([]answer, error) {
	answers, err := c.exchange(ctx, requests)
	if len(requests) == 1 {
		return answers, err
	}
	if err != nil {
		if !refusedAs(err, tooLarge) {
			return nil, err
		}
		return c.halved(ctx, requests)
	}
	var again []request
	var places []int
	for i, a := range answers {
		if refusedAs(a.err, tooLarge) {
			again, places = append(again, requests[i]), append(places, i)
		}
	}
	if len(again) == 0 {
		return answers, nil
	}
	rest, err := c.halved(ctx, again)
	if err != nil {
		return nil, err
	}
	for i, a := range rest {
		answers[places[i]] = a
	}
	return answers, nil
}

func (c *Client) halved(ctx context.Context, requests []request) ([]answer, error) {
	half := (len(requests) + 1) / 2
	var answers []answer
	for _, part := range [][]request{requests[:half], requests[half:]} {
		if len(part) == 0 {
			continue
		}
		got, err := c.batched(ctx, part)
		if err != nil {
			return nil, err
		}
		answers = append(answers, got...)
	}
	return answers, nil
}

// exchange sends requests in one HTTP request.
func (c *Client) exchange(ctx context.Context, requests []request) ([]answer, error) {
	first := c.lastID.Add(uint64(len(requests))) - uint64(len(requests)) + 1
	wire := make([]wireRequest, len(requests))
	for i, r := range requests {
		wire[i] = wireRequest{Version: "2.0", ID: first + uint64(i), Method: r.method, Params: r.params}
		if r.params == nil {
			wire[i].Params = []any{}
		}
	}
	var body []byte
	var err error
	if len(wire) == 1 {
		body, err = json.Marshal(wire[0])
	} else {
		body, err = json.Marshal(wire)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "write a request to the node")
	}
	status, text, err := c.post(ctx, body)
	if err != nil {
		return nil, err
	}
	return c.decode(status, text, requests, first)
}

// post sends a body and reads the answer's status and, up to maxAnswer, its text.
func (c *Client) post(ctx context.Context, body []byte) (status int, text []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, fault.New(fault.Invalid, "the node's URL must be like https://HOST[:PORT]/PATH")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, unreached(err)
	}
	defer res.Body.Close()
	text, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, unreached(err)
	}
	if len(text) > maxAnswer {
		return 0, nil, refuse(tooLarge, 0, "the answer has over %d MiB", maxAnswer>>20)
	}
	return res.StatusCode, text, nil
}

// unreached is an error of the connection without the URL, which net/http puts into it.
func unreached(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fault.Wrap(fault.Unavailable, err, "ask the node")
}
