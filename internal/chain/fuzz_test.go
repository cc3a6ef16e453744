package chain

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// wantOneLine: whatever a node says makes an error of one line with a kind that was chosen.
func wantOneLine(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if fault.KindOf(err) == fault.Internal || strings.ContainsAny(err.Error(), "\n\r\x1b") || len(err.Error()) > 2000 {
		t.Errorf("%q (%s)", err, fault.KindOf(err))
	}
}

// FuzzAnswer: any text gives an answer to each request, or an error.
func FuzzAnswer(f *testing.F) {
	for _, text := range []string{
		`{"jsonrpc":"2.0","id":7,"result":"0x1"}`,
		`[{"jsonrpc":"2.0","id":8,"result":null},{"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"header not found"}}]`,
		`[{"jsonrpc":"2.0","id":7,"result":[{"address":"0x","topics":[],"blockNumber":"0x1","logIndex":"0x0"}]},{"id":8,"result":{"number":"0x1"}}]`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":"-32600","message":"batch too large"}}`,
		`[{"id":7,"error":{"code":1e3,"message":"\u001b[31m\n"}},{"id":8,"error":{}}]`,
		`[]`, `null`, `{"id":7}`, "\t[",
	} {
		f.Add(200, text, false)
		f.Add(429, text, true)
		f.Add(500, text, true)
	}
	f.Fuzz(func(t *testing.T, status int, text string, batch bool) {
		c := &Client{hidden: []string{"secret-key"}}
		requests := []request{{methodLogs, nil}}
		if batch {
			requests = append(requests, request{methodBlock, nil})
		}
		answers, err := c.decode(status, []byte(text), requests, 7)
		wantOneLine(t, err)
		if err != nil {
			return
		}
		if len(answers) != len(requests) {
			t.Fatalf("%d answers to %d requests", len(answers), len(requests))
		}
		for _, a := range answers {
			if (a.err == nil) == (a.result == nil) {
				t.Errorf("an answer is %q and %v", a.result, a.err)
			}
			wantOneLine(t, a.err)
			if a.err != nil {
				continue
			}
			var logs []wireLog
			wantOneLine(t, a.into(&logs, methodLogs))
			for i := range logs {
				_, err := logs[i].key()
				wantOneLine(t, err)
			}
			b, ok, err := a.block()
			wantOneLine(t, err)
			if ok && (len(b.Hash) != 66 || len(b.Parent) != 66) {
				t.Errorf("%+v", b)
			}
			_, err = a.bytes()
			wantOneLine(t, err)
			_, err = a.number()
			wantOneLine(t, err)
		}
	})
}

// FuzzNumbers: quantities, hashes, addresses and amounts are read exactly or refused.
func FuzzNumbers(f *testing.F) {
	for _, text := range []string{"0x0", "0x", "0xffffffffffffffffff", `\x` + strings.Repeat("aB", 32), strings.Repeat("f", 40), "-1", "007", "1.5", "\x1b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := quantity(text).big()
		wantOneLine(t, err)
		u, err64 := quantity(text).uint64()
		wantOneLine(t, err64)
		switch {
		case err == nil && (n.Sign() < 0 || n.BitLen() > 256):
			t.Errorf("%q is read as %v", text, n)
		case err64 == nil && (err != nil || n.Uint64() != u || !n.IsUint64()):
			t.Errorf("%q is read as %d and %v", text, u, n)
		}
		for _, parse := range []func(string) (string, error){ParseHash, ParseAddress} {
			got, err := parse(text)
			wantOneLine(t, err)
			if err != nil {
				continue
			}
			if again, err := parse(got); err != nil || again != got || !strings.HasSuffix(strings.ToLower(text), got[2:]) {
				t.Errorf("%q is read as %q, and that as %q: %v", text, got, again, err)
			}
		}
		amount, err := decimal(text)
		wantOneLine(t, err)
		if err == nil && strings.TrimLeft(amount.String(), "0") != strings.TrimLeft(text, "0") {
			t.Errorf("%q is read as %v", text, amount)
		}
	})
}
