package drill

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestExpectations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expect string
		holds  []string
		not    []string
	}{
		{"ok", []string{"ok", " ok\n"}, []string{"OK", "o", "ok, ok", ""}},
		{"= ok", []string{"ok"}, []string{"= ok", "no"}},
		{"=ok", []string{"ok"}, []string{"no"}},
		{"", []string{"", "\n"}, []string{"0"}},
		{"!=", []string{"x"}, []string{"", " "}},
		{"!= ok", []string{"no", ""}, []string{"ok", "ok\n"}},
		{"1", []string{"1", "1.0", "01", "+1", "1e0", "10E-1", "0.1e1", "1."}, []string{"1.0000000000000000000000000001", "-1", "one", "1x", "", "."}},
		{"0", []string{"0", "-0", "0.00", "0e7", ".0"}, []string{"0.1", "-1", ""}},
		{"!= 1", []string{"2", "one"}, []string{"1", "1.00"}},
		{"< 10", []string{"9", "9.999", "-100", "0"}, []string{"10", "10.0", "11", "abc", ""}},
		{"<= 10", []string{"9", "10", "1e1"}, []string{"10.1"}},
		{"> 9", []string{"10", "9.1", "1e1"}, []string{"9", "8", "-10", "zzz", "NULL"}},
		{">= 9", []string{"9", "10"}, []string{"8.9"}},
		{"> -2", []string{"-1", "-1.999", "0"}, []string{"-2", "-3", "-2.0001"}},
		{"<-2", []string{"-3"}, []string{"-2"}},
		{"9007199254740993", []string{"9007199254740993"}, []string{"9007199254740992", "9007199254740993.1"}},
		{"> 115792089237316195423570985008687907853269984665640564039457584007913129639934",
			[]string{"115792089237316195423570985008687907853269984665640564039457584007913129639935"},
			[]string{"115792089237316195423570985008687907853269984665640564039457584007913129639934"}},
		{"0.1", []string{"0.1", "1e-1"}, []string{"0.1000000000000000055511151231257827"}},
		{"< 1e999999999", []string{"1e999999998", "9", "-1e999999999"}, []string{"1e999999999", "2e999999999"}},
		{"> 2026-01-01", []string{"2026-01-02", "2027-01-01T00:00:00Z"}, []string{"2025-12-31", "2026-01-01", "9"}},
		{">= b", []string{"b", "c"}, []string{"a", ""}},
		{"<= b", []string{"b", "a"}, []string{"c", "1"}},
		{"~ ^v[0-9]+$", []string{"v1", "v22"}, []string{"v", "xv1", "v1\n"}},
		{"~ok", []string{"it is ok"}, []string{"no"}},
		{"*= ok", []string{"it is ok", "ok"}, []string{"OK", ""}},
		{"*= a  b", []string{"xa  bx"}, []string{"a b"}},
		{"= =)", []string{"=)"}, []string{")"}},
		{"*x", []string{"*x"}, []string{"x"}},
		{"!x", []string{"!x"}, []string{"x"}},
	} {
		e, err := ParseExpectation(c.expect)
		if err != nil {
			t.Errorf("%q: %v", c.expect, err)
			continue
		}
		again, err := ParseExpectation(e.String())
		if err != nil || again.String() != e.String() {
			t.Errorf("%q is written as %q, and read as %q: %v", c.expect, e, again, err)
		}
		for _, e := range []Expectation{e, again} {
			for _, text := range c.holds {
				if !e.Holds(text) {
					t.Errorf("%q does not hold of %q", c.expect, text)
				}
			}
			for _, text := range c.not {
				if e.Holds(text) {
					t.Errorf("%q holds of %q", c.expect, text)
				}
			}
		}
	}
}

func TestZeroExpectation(t *testing.T) {
	t.Parallel()
	var e Expectation
	if !e.Holds("") || e.Holds("x") || e.String() != "=" {
		t.Error("the zero Expectation is not that of an empty text")
	}
}

func TestWrongExpectations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"~ (": "regular expression", "~": "needs a value", "*=": "needs a value", "<": "needs a value", ">= ": "needs a value",
		"== 5": "space", "=~ x": "space", "<> 5": "space", "!== 5": "space", "<<": "space", "=" + strings.Repeat("=", 80): "…",
	} {
		_, err := ParseExpectation(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 250 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// randomNumber is a number in one of the ways to write one.
func randomNumber(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString([]string{"", "", "-", "+"}[r.IntN(4)])
	for range 1 + r.IntN(3) {
		b.WriteByte("00123456789"[r.IntN(11)])
	}
	if r.IntN(2) == 0 {
		b.WriteByte('.')
		for range r.IntN(4) {
			b.WriteByte("00019"[r.IntN(5)])
		}
	}
	if r.IntN(3) == 0 {
		fmt.Fprintf(&b, "e%d", r.IntN(9)-4)
	}
	return b.String()
}

func TestNumbersCompareAsRationals(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	for range 50_000 {
		a, b := randomNumber(r), randomNumber(r)
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if !okX || !okY {
			t.Fatalf("%q or %q is no number", a, b)
		}
		order := x.Cmp(y)
		for operator, want := range map[string]bool{
			"=": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0,
		} {
			e, err := ParseExpectation(operator + " " + b)
			if err != nil || e.Holds(a) != want {
				t.Fatalf("%s %s %s is said to be %v: %v", a, operator, b, !want, err)
			}
		}
	}
}

func FuzzExpectation(f *testing.F) {
	for _, text := range []string{"= 5", "~ ^a", "*=x", "1e5", "<= 2026-01-01", "== 4", ""} {
		f.Add(text, "5")
	}
	f.Fuzz(func(t *testing.T, text, observed string) {
		e, err := ParseExpectation(text)
		if err != nil {
			return
		}
		again, err := ParseExpectation(e.String())
		if err != nil {
			t.Fatalf("%q is written as %q, which is not read: %v", text, e, err)
		}
		if e.Holds(observed) != again.Holds(observed) {
			t.Fatalf("%q and %q differ about %q", text, e, observed)
		}
		if e.operator == "=" && !e.Holds(e.value) {
			t.Fatalf("%q does not hold of its own value", text)
		}
	})
}
