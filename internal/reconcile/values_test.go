package reconcile

import "testing"

func TestQuantity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "12": "12", "12.00": "12", "007": "7", "0x10": "16", "0XfF": "255", `\x0100`: "256",
		"115792089237316195423570985008687907853269984665640564039457584007913129639935": "115792089237316195423570985008687907853269984665640564039457584007913129639935",
		`\xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff`:             "115792089237316195423570985008687907853269984665640564039457584007913129639935",
	} {
		if got, err := amount([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1.5", "1e18", "0x", `\x`, "ff", "1_000", "0x-1", "NaN", " 1", "0b1", "0x1.8p1", string(make([]byte, 101))} {
		if got, err := amount([]byte(text)); err == nil {
			t.Errorf("%q: got %s", text, got)
		}
	}
	if _, err := amount(nil); err == nil {
		t.Error("NULL is taken for a number")
	}
	if n, err := number64([]byte("18446744073709551615")); err != nil || n != 1<<64-1 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := number64([]byte("18446744073709551616")); err == nil {
		t.Error("2^64 is taken for a number of 64 bits")
	}
}
