package chain_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
)

// call is one JSON-RPC request as a node sees it.
type call struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// result and refused make the answers that a script gives in the node's place.
func result(v any) map[string]any { return map[string]any{"result": v} }

func refused(code int, message string) map[string]any {
	return map[string]any{"error": map[string]any{"code": code, "message": message}}
}

// proxy stands before a node.
type proxy struct {
	URL string
	// posts counts the HTTP requests, calls the JSON-RPC requests in them.
	posts, calls atomic.Int64

	node string
	// script answers a call in the node's place, unless it gives nil.
	script func(call) map[string]any
	// whole answers an HTTP request in the node's place if it reports true.
	whole func(http.ResponseWriter, []call) bool
}

func newProxy(t *testing.T, node string) *proxy {
	t.Helper()
	p := &proxy{node: node}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(t, w, r) }))
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

func (p *proxy) serve(t *testing.T, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read a request: %v", err)
	}
	calls, batch := []call{{}}, bytes.HasPrefix(body, []byte("["))
	if batch {
		err = json.Unmarshal(body, &calls)
	} else {
		err = json.Unmarshal(body, &calls[0])
	}
	if err != nil {
		t.Errorf("%s: %v", body, err)
	}
	p.posts.Add(1)
	p.calls.Add(int64(len(calls)))
	if p.whole != nil && p.whole(w, calls) {
		return
	}
	answers := make([]map[string]any, len(calls))
	for i, c := range calls {
		if p.script != nil {
			answers[i] = p.script(c)
		}
		if answers[i] == nil {
			answers[i] = p.ask(t, c)
		}
		answers[i]["jsonrpc"], answers[i]["id"] = "2.0", c.ID
	}
	// A node may answer a batch in any order.
	slices.Reverse(answers)
	var answer any = answers
	if !batch {
		answer = answers[0]
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		t.Errorf("answer: %v", err)
	}
}

// ask has the node answer a call.
func (p *proxy) ask(t *testing.T, c call) map[string]any {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": c.Method, "params": c.Params})
	if err != nil {
		t.Error(err)
	}
	res, err := http.Post(p.node, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return map[string]any{}
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Error(err)
		return map[string]any{}
	}
	return answer
}

// says reports whether a call's parameter is a text.
func (c call) says(param int, text string) bool {
	return param < len(c.Params) && string(c.Params[param]) == `"`+text+`"`
}

// blocks is how many blocks a call asks the logs of; zero for any other call.
func (c call) blocks(t *testing.T) uint64 {
	if c.Method != "eth_getLogs" {
		return 0
	}
	var filter struct{ FromBlock, ToBlock string }
	if err := json.Unmarshal(c.Params[0], &filter); err != nil {
		t.Error(err)
	}
	return number64(t, filter.ToBlock) - number64(t, filter.FromBlock) + 1
}
