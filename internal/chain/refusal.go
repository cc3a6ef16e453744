package chain

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// reason says why a node refused a request.
type reason int

const (
	strange  reason = iota // nobody knows
	tooLarge               // it may answer when less is asked for at a time
	wait                   // it may answer later
	failing                // something in it broke
	noMethod
	pruned // it had what is asked for, and has it no longer
	reverted
	badParams
)

// reasons gives each its kind, and the words that say what to do.
var reasons = map[reason]struct {
	kind fault.Kind
	text string
}{
	strange:   {fault.Invalid, "the node refuses the request"},
	tooLarge:  {fault.Unsupported, "the node finds that too much at a time"},
	wait:      {fault.Unavailable, "the node is busy or not that far yet, try again later"},
	failing:   {fault.Unavailable, "the node fails, try again later"},
	noMethod:  {fault.Unsupported, "the node does not offer the method, ask one that does"},
	pruned:    {fault.Unsupported, "the node no longer has what it knew of that block, ask an archive node"},
	reverted:  {fault.Invalid, "the contract refuses the call"},
	badParams: {fault.Invalid, "the node does not take the request's parameters"},
}

// refusal is what a node said when it refused; it is the cause of a fault.
type refusal struct {
	reason reason
	code   int64
	said   string
}

func (r *refusal) Error() string { return r.said }

// refuse makes the error of a refusal.
func refuse(why reason, code int64, format string, args ...any) error {
	r := &refusal{reason: why, code: code, said: fmt.Sprintf(format, args...)}
	return fault.Wrap(reasons[why].kind, r, "%s", reasons[why].text)
}

// refusedAs reports whether an error is a node's refusal for a reason.
func refusedAs(err error, why reason) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.reason == why
}

// Nodes agree on few codes, of JSON-RPC 2.0 and of EIP-1474; most of what they
// say is in the words.
const (
	codeReverted       = 3
	codeRateLimited    = 429
	codeHistoryPruned  = 4444 // EIP-4444
	codeServer         = -32000
	codeNoResource     = -32001
	codeTimedOut       = -32002
	codeAnswerTooLarge = -32003 // of geth, to what follows in a batch
	codeNotSupported   = -32004
	codeLimit          = -32005
	codeBadRequest     = -32600
	codeNoMethod       = -32601
	codeBadParams      = -32602
	codeInternal       = -32603
	codeUnknownBlock   = -39001 // of Besu
)

var (
	waitWords = regexp.MustCompile(`(?i)rate.?limit|request rate|too many requests|requests? (count|per|limit)|` +
		`per (second|minute|day)|compute units|capacity|quota|` +
		`header not found|header for hash not found|unknown block|beyond current head|not currently canonical|` +
		`indexing|in progress|syncing|temporar|try again later`)
	prunedWords = regexp.MustCompile(`(?i)missing trie node|prun|archive|(state|history|data).{0,90}(not available|unavailable)|no state available`)
	revertWords = regexp.MustCompile(`(?i)revert|invalid opcode|out of gas|stack underflow|invalid jump`)
	batchWords  = regexp.MustCompile(`(?i)batch|too (large|big)`)
	rangeWords  = regexp.MustCompile(`(?i)range|more than|too (large|many|big|wide|long|broad)|limit|exceed|max|time(d)? ?out`)
)

// classify finds out why a node refused. Of a batch that was refused as a
// whole, the method is only one of several.
func (e *wireError) classify(method string, batch bool) (reason, int64) {
	code, err := e.Code.Int64()
	if err != nil {
		code = 0
	}
	says := func(words *regexp.Regexp) bool { return words.MatchString(e.Message) }
	switch {
	case batch && (code == codeBadRequest || says(batchWords)):
		return tooLarge, code
	case slices.Contains([]int64{codeRateLimited, codeNoResource, codeUnknownBlock}, code) || says(waitWords):
		return wait, code
	case code == codeNoMethod || code == codeNotSupported:
		return noMethod, code
	case code == codeHistoryPruned || says(prunedWords):
		return pruned, code
	case code == codeAnswerTooLarge:
		return tooLarge, code
	case method == methodLogs && (code == codeTimedOut || code == codeLimit || says(rangeWords)):
		return tooLarge, code
	case code == codeReverted || says(revertWords):
		return reverted, code
	case code == codeLimit:
		return wait, code
	case slices.Contains([]int64{codeServer, codeTimedOut, codeInternal}, code):
		return failing, code
	case code == codeBadParams:
		return badParams, code
	default:
		return strange, code
	}
}

// fault is the error for a node's error in an answer.
func (c *Client) fault(e *wireError, method string, batch bool) error {
	why, code := e.classify(method, batch)
	return refuse(why, code, "%s: error %d %s", method, code, c.scrub(e.Message))
}

// unknownTag reports whether a node refused a block's tag that it does not know, or has no block for.
func unknownTag(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && slices.Contains([]int64{codeUnknownBlock, codeServer, codeNoResource, codeBadParams}, r.code)
}

// refusedStatus is the error that an HTTP status means whatever the answer's text says.
func refusedStatus(status int) error {
	switch status {
	case 401, 403:
		return fault.New(fault.Denied, "the node refuses the credentials (HTTP %d): check the user, password or key in its URL", status)
	case 408, 425, 429, 502, 503, 504:
		return refuse(wait, 0, "HTTP %d", status)
	case 413:
		return refuse(tooLarge, 0, "HTTP %d", status)
	default:
		return nil
	}
}

// strangeStatus is the error for a status other than 2xx with no JSON-RPC in the answer.
func strangeStatus(status int) error {
	if status >= 500 {
		return refuse(failing, 0, "HTTP %d", status)
	}
	return fault.New(fault.Invalid, "no node answers at the URL (HTTP %d): check it", status)
}

// hiddenParts lists what must not be shown of a URL: user, password, keys in the path and the query.
func hiddenParts(u *url.URL) []string {
	candidates := append(strings.Split(u.Path, "/"), u.User.Username())
	for _, values := range u.Query() {
		candidates = append(candidates, values...)
	}
	// Shorter ones are words like v3 and rpc, which every message may have.
	parts := slices.DeleteFunc(candidates, func(p string) bool { return len(p) < 8 })
	if password, _ := u.User.Password(); password != "" {
		parts = append(parts, password)
	}
	return parts
}

// scrub makes a node's words fit for an error: in one line, short, printable,
// and without the secrets of the URL.
func (c *Client) scrub(said string) string {
	for _, part := range c.hidden {
		said = strings.ReplaceAll(said, part, secret.Redacted)
	}
	return brief(said)
}

// brief is a text of others in one line of at most 200 characters.
func brief(text string) string {
	const most = 200
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	runes := []rune(strings.Join(words, " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
