package chain

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestQuantity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0x0": "0", "0x00": "0", "0xff": "255", "0xFF": "255", "0xffffffffffffffff": "18446744073709551615",
		"0x10000000000000000":             "18446744073709551616",
		"0x" + strings.Repeat("f", 64):    "115792089237316195423570985008687907853269984665640564039457584007913129639935",
		"0x000" + strings.Repeat("f", 64): "115792089237316195423570985008687907853269984665640564039457584007913129639935",
		"0x1" + strings.Repeat("0", 64):   "", "": "", "0x": "", "0": "", "ff": "", "0xg": "", "0x-1": "", "0x+1": "", "0x_1": "", " 0x1": "", "0x1 ": "", "0X1": "",
	} {
		n, err := quantity(text).big()
		if want == "" {
			if !fault.Is(err, fault.Corrupt) {
				t.Errorf("%q: %v, %v", text, n, err)
			}
			continue
		}
		if err != nil || n.String() != want {
			t.Errorf("%q: %v, %v", text, n, err)
		}
		u, err := quantity(text).uint64()
		if (err == nil) != n.IsUint64() || err == nil && u != n.Uint64() {
			t.Errorf("%q: %d, %v", text, u, err)
		}
	}
}

func TestParseHash(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("aB", 32)
	for _, text := range []string{digits, "0x" + digits, "0X" + digits, `\x` + digits, strings.ToUpper(digits)} {
		if got, err := ParseHash(text); err != nil || got != "0x"+strings.ToLower(digits) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0x", digits[1:], "0x" + digits + "00", "0x0x" + digits[2:], digits[:62] + "zz", " " + digits[1:], "x" + digits} {
		if got, err := ParseHash(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if got, err := ParseAddress("0x" + digits[:40]); err != nil || got != "0x"+strings.ToLower(digits[:40]) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ParseAddress(digits); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		low, high uint64
		n         int
		want      []uint64
	}{
		{0, 1, 4, []uint64{0}}, {0, 4, 4, []uint64{0, 1, 2, 3}}, {5, 9, 10, []uint64{5, 6, 7, 8}},
		{0, 31, 4, []uint64{7, 15, 23, 30}}, {10, 13, 1, []uint64{11, 12}}, {0, 1 << 63, 2, []uint64{1<<62 - 1, 1<<63 - 1}},
	} {
		if got := spread(c.low, c.high, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d..%d: %v, want %v", c.n, c.low, c.high, got, c.want)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message, method string
		batch                 bool
		want                  reason
	}{
		{"-32005", "query returned more than 10000 results", methodLogs, false, tooLarge},
		{"-32005", "daily request count exceeded, request rate limited", methodLogs, false, wait},
		{"-32005", "project ID request rate exceeded", methodBlock, false, wait},
		{"429", "Your app has exceeded its compute units per second capacity", methodLogs, false, wait},
		{`"429"`, "slow down", methodBlock, false, wait},
		{"-32005", "limit exceeded", methodBlock, false, wait},
		{"-32602", "block range extends beyond current head block", methodLogs, false, wait},
		{"-32602", "query exceeds max results 20000, retry with the range 1-2", methodLogs, false, tooLarge},
		{"-32602", "missing value for required argument 0", methodLogs, false, badParams},
		{"-32602", "invalid argument 1", methodBalance, false, badParams},
		{"-32000", "missing trie node abc (path ) state 0xabc is not available", methodBalance, false, pruned},
		{"-32000", "required historical state unavailable (reexec=128)", methodCall, false, pruned},
		{"-32000", "header not found", methodCall, false, wait},
		{"-32000", "header for hash not found", methodCall, false, wait},
		{"-32000", "hash 0xabc is not currently canonical", methodCall, false, wait},
		{"-32000", "transaction indexing is in progress", methodNonce, false, wait},
		{"-32001", "Resource not found", methodBalance, false, wait},
		{"-39001", "Unknown block", methodBlock, false, wait},
		{"-32000", "something", methodBlock, false, failing},
		{"-32603", "internal error", methodBlock, false, failing},
		{"3", "execution reverted: balance", methodCall, false, reverted},
		{"-32000", "execution reverted", methodCall, false, reverted},
		{"-32601", "the method eth_getLogs does not exist/is not available", methodLogs, false, noMethod},
		{"-32004", "method not supported", methodLogs, false, noMethod},
		{"4444", "pruned history unavailable", methodBlock, false, pruned},
		{"-32003", "response too large", methodBlock, false, tooLarge},
		{"-32600", "batch too large", methodBlock, true, tooLarge},
		{"-32600", "invalid request", methodBlock, false, strange},
		{"-32005", "too many requests", methodBlock, true, wait},
		{"-32005", "rate limit exceeded", methodBlock, true, wait},
		{"-32005", "requests per batch limit exceeded", methodBlock, true, tooLarge},
		{"1e99", "?", methodBlock, false, strange},
		{"", "", methodBlock, false, strange},
	} {
		e := &wireError{Code: json.Number(strings.Trim(c.code, `"`)), Message: c.message}
		if got, _ := e.classify(c.method, c.batch); got != c.want {
			t.Errorf("%s %q of %s: %d, want %d", c.code, c.message, c.method, got, c.want)
		}
	}
	for why := strange; why <= badParams; why++ {
		if err := refuse(why, 0, "x"); reasons[why].text == "" || !refusedAs(err, why) || fault.KindOf(err) != reasons[why].kind {
			t.Errorf("%d: %v", why, err)
		}
	}
}
