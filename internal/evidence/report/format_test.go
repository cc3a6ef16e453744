package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "0 s", 0.04: "under 0.1 s", 0.05: "0.1 s", 0.3: "0.3 s", 12.3: "12.3 s", 12.34: "12.3 s", 59.94: "59.9 s", 59.96: "1 min", 60: "1 min", 61.4: "1 min 1 s",
		245: "4 min 5 s", 3599.4: "59 min 59 s", 3599.6: "1 h", 3600: "1 h", 11040: "3 h 4 min", 86400: "24 h", 172799: "2 d", 172800: "2 d", 1054800: "12 d 5 h",
		-5: "-5 s", -245: "-4 min 5 s",
	} {
		if got := span(seconds); got != want {
			t.Errorf("span(%v) is %q, not %q", seconds, got, want)
		}
	}
	for _, odd := range []float64{math.MaxFloat64, math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64} {
		if span(odd) == "" {
			t.Errorf("span(%v) is empty", odd)
		}
	}
}

func TestExact(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{0: "", 59.9: "", 60: "60 s", 407.2: "407.2 s", 407.20049: "407.2 s", 90000.1234: "90000.123 s"} {
		if got := exact(seconds); got != want {
			t.Errorf("exact(%v) is %q, not %q", seconds, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB (1024 bytes)", 41_876_553_122: "39.0 GiB (41876553122 bytes)",
		math.MaxInt64: "8.0 EiB (9223372036854775807 bytes)", -1: "-1 bytes",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) is %q, not %q", n, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 8, 0, 0, 999_000_000, time.FixedZone("CEST", 7200))
	if got := moment(at, "never"); got != "2026-04-01T06:00:00Z" {
		t.Errorf("got %q", got)
	}
	if got := moment(time.Time{}, "never"); got != "never" {
		t.Errorf("got %q", got)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"": "''", "evidence/drills/a-b_c.1": "evidence/drills/a-b_c.1", "a b": "'a b'", "a'; rm -r ~": `'a'\''; rm -r ~'`, "$(x)": "'$(x)'"} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) is %s, not %s", word, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain\n\ttext": "plain\n\ttext", "\u202etxt": `\u{202E}txt`, "a\x1b[0m": `a\u{1B}[0m`, "\ufeff": `\u{FEFF}`, "תרגיל": "תרגיל", "\xff": "\ufffd", "\u200d": "\u200d", "\r\n": `\u{D}` + "\n",
	} {
		if got := string(visible([]byte(text))); got != want {
			t.Errorf("visible(%q) is %q, not %q", text, got, want)
		}
	}
}

func TestResultsAreWords(t *testing.T) {
	t.Parallel()
	for r, want := range map[string]line{
		drill.Pass: {classPass, "✓ pass"}, drill.Fail: {classFail, "✗ fail"}, drill.Warn: {classWarn, "! warning"}, drill.Skipped: {classNone, "– not made"},
		"": {classNone, "not recorded"}, "new": {classFail, "✗ new"},
	} {
		if got := result(r, false); got != want {
			t.Errorf("%q is %v, not %v", r, got, want)
		}
	}
	if got := result(drill.Warn, true); got.Text != "! warning (optional)" {
		t.Errorf("got %v", got)
	}
}

// TestContrast holds the colours of both schemes against WCAG 2.2, 1.4.3 and 1.4.11.
func TestContrast(t *testing.T) {
	t.Parallel()
	schemes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(pageCSS, -1)
	if len(schemes) != 2 {
		t.Fatalf("the style has %d schemes", len(schemes))
	}
	for i, scheme := range schemes {
		luminance := map[string]float64{}
		for _, c := range regexp.MustCompile(`--(\w+): #(\w{6});`).FindAllStringSubmatch(scheme[1], -1) {
			n, err := strconv.ParseUint(c[2], 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			luminance[c[1]] = 0.2126*linear(n>>16) + 0.7152*linear(n>>8&0xff) + 0.0722*linear(n&0xff)
		}
		for pair, least := range map[string]float64{
			"ink paper": 7, "soft paper": 4.5, "accent paper": 4.5, "pass paper": 4.5, "fail paper": 4.5, "warn paper": 4.5, "ink tint": 4.5,
			"inside bar": 4.5, "bar paper": 3, "step paper": 3, "inside step": 3,
		} {
			front, back, _ := strings.Cut(pair, " ")
			a, b := luminance[front], luminance[back]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < least {
				t.Errorf("scheme %d: %s has a contrast of %.2f, and %.1f is the least", i+1, pair, ratio, least)
			}
		}
	}
}

// linear is one channel of sRGB as WCAG takes it.
func linear(channel uint64) float64 {
	c := float64(channel) / 255
	if c <= 0.04045 {
		return c / 12.92
	}
	return math.Pow((c+0.055)/1.055, 2.4)
}
