package chain_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// TestLogDigestVectors holds the definition fast: evidence keeps these digests.
func TestLogDigestVectors(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("ab", 32), strings.Repeat("0", 63)+"1"
	for _, v := range []struct {
		logs []chain.LogKey
		text string
		sum  string
	}{
		{nil, "", "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
		{[]chain.LogKey{{Block: 1, Index: 0, TxHash: "0x" + a}}, "1,0,0x" + a + "\n", "blake3:cca6c3e48b3992bde68ac15c4e4a77b94efa422951b64ee3643f1881d304c1ed"},
		{
			[]chain.LogKey{{Block: 9, Index: 10, TxHash: strings.ToUpper(a)}, {Block: 10, Index: 2, TxHash: `\x` + b}, {Block: 18446744073709551615, Index: 18446744073709551615, TxHash: b}},
			"9,10,0x" + a + "\n10,2,0x" + b + "\n18446744073709551615,18446744073709551615,0x" + b + "\n", "blake3:8fac9e4d7ba354f80d64cf7edaba7f6e88d642a025de8b2abb4396c8fc1c98ad",
		},
	} {
		d := chain.NewLogDigest()
		for _, k := range v.logs {
			if err := d.Add(k); err != nil {
				t.Fatal(err)
			}
		}
		if d.Count() != uint64(len(v.logs)) || d.Sum() != v.sum || d.Sum() != seal.DigestOf([]byte(v.text)) {
			t.Errorf("%d logs: %s, want %s", d.Count(), d.Sum(), v.sum)
		}
	}
}

func TestLogDigestRefuses(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab", 32)
	d := chain.NewLogDigest()
	if err := d.Add(chain.LogKey{Block: 5, Index: 3, TxHash: hash}); err != nil {
		t.Fatal(err)
	}
	before := d.String()
	for _, k := range []chain.LogKey{
		{Block: 5, Index: 2, TxHash: hash}, {Block: 4, Index: 9, TxHash: hash}, {Block: 6, TxHash: hash[1:]}, {Block: 6},
	} {
		if err := d.Add(k); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", k, err)
		}
	}
	if d.String() != before || before != "1 log, "+d.Sum() {
		t.Errorf("%s, before %s", d, before)
	}
	// A row that is there twice is digested twice, so that it is seen.
	if err := d.Add(chain.LogKey{Block: 5, Index: 3, TxHash: hash}); err != nil || d.Count() != 2 {
		t.Error(err)
	}
}
