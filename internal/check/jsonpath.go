package check

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"

	"github.com/ohler55/ojg/jp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// jsonValue takes what a JSON path (RFC 9535) selects out of a document: a text
// as it is, anything else as compact JSON, several values as a JSON array of
// them. To select nothing is an error of kind Mismatch.
func jsonValue(document []byte, path string) (string, error) {
	expression, err := jp.ParseString(path)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "jsonPath %s is wrong", path)
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return "", fault.Wrap(fault.Mismatch, err, "the body is not JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return "", unlike("the body is not JSON: there is more after its end")
	}
	switch selected := expression.Get(filterable(root)); len(selected) {
	case 0:
		return "", unlike("the body has nothing at %s", path)
	case 1:
		return render(selected[0])
	default:
		return render(selected)
	}
}

// filterable gives numbers the types that filters of a path compare. A number
// that those can't hold exactly stays as it was written.
func filterable(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = filterable(v[name])
		}
	case []any:
		for n := range v {
			v[n] = filterable(v[n])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		// 15 digits are what a float64 always holds.
		const exact = 15
		if n, err := strconv.ParseFloat(v.String(), 64); err == nil && len(v) <= exact {
			return n
		}
	}
	return value
}

// render writes a value: a text as it is, anything else as JSON.
func render(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", fault.Wrap(fault.Internal, err, "write an answer as JSON")
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
