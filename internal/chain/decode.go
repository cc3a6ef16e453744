package chain

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// decode reads an HTTP answer to requests, whose IDs count up from first.
// A batch may be answered in any order.
func (c *Client) decode(status int, text []byte, requests []request, first uint64) ([]answer, error) {
	if refused := refusedStatus(status); refused != nil {
		return nil, refused
	}
	objects, err := split(text)
	if err != nil {
		// Only an answer that is JSON-RPC says more than its status.
		if status < 200 || status > 299 {
			return nil, strangeStatus(status)
		}
		return nil, err
	}
	answers := make([]answer, len(requests))
	seen := make([]bool, len(requests))
	for _, o := range objects {
		i, ok := place(o.ID, first, len(requests))
		switch {
		case !ok && o.Error != nil && len(objects) == 1:
			// The node refuses the whole batch, and does not say for which request.
			return nil, c.fault(o.Error, requests[0].method, len(requests) > 1)
		case !ok:
			return nil, fault.New(fault.Corrupt, "the node answers a request that was not made")
		case seen[i]:
			return nil, fault.New(fault.Corrupt, "the node answers one request twice")
		case o.Error != nil:
			answers[i].err = c.fault(o.Error, requests[i].method, false)
		case o.Result == nil:
			return nil, fault.New(fault.Corrupt, "the node's answer to %s has neither a result nor an error", requests[i].method)
		default:
			answers[i].result = o.Result
		}
		seen[i] = true
	}
	for i, ok := range seen {
		if !ok {
			return nil, fault.New(fault.Corrupt, "the node left %s unanswered", requests[i].method)
		}
	}
	return answers, nil
}

// split reads one answer, or a batch of them.
func split(text []byte) ([]wireAnswer, error) {
	var objects []wireAnswer
	var err error
	if trimmed := bytes.TrimLeft(text, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		err = json.Unmarshal(trimmed, &objects)
	} else {
		objects = make([]wireAnswer, 1)
		err = json.Unmarshal(trimmed, &objects[0])
	}
	if err != nil {
		return nil, fault.New(fault.Corrupt, "what answers is no JSON-RPC (%s): check that the URL is that of a node", brief(err.Error()))
	}
	return objects, nil
}

// place is the index of the request that an answer's ID belongs to.
func place(id json.RawMessage, first uint64, n int) (int, bool) {
	number, err := strconv.ParseUint(string(id), 10, 64)
	if err != nil || number < first || number-first >= uint64(n) {
		return 0, false
	}
	return int(number - first), true
}
