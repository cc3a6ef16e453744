package drill

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// operators are those of an Expectation; one that begins with another comes first.
var operators = []string{"!=", "<=", ">=", "*=", "=", "<", ">", "~"}

// Expectation is what is expected of an observed text: an operator and a value.
// The zero Expectation expects an empty text.
type Expectation struct {
	operator, value string
	pattern         *regexp.Regexp
}

// ParseExpectation reads an operator and a value, "<= 5", or a value alone,
// which must be equal. White space around both does not count. An operator is
// followed by white space where the value itself begins with one of the
// characters of operators: "= =)". The errors say what is wrong in one line.
func ParseExpectation(text string) (Expectation, error) {
	text = strings.TrimSpace(text)
	for _, operator := range operators {
		rest, found := strings.CutPrefix(text, operator)
		if !found {
			continue
		}
		if rest != "" && strings.ContainsRune("!<>*=~", rune(rest[0])) {
			return Expectation{}, fmt.Errorf("%q begins with no operator: give one of = != < <= > >= ~ *=, and a space after it where the value begins with such a character",
				excerpt(text))
		}
		return newExpectation(operator, strings.TrimSpace(rest))
	}
	return newExpectation("=", text)
}

func newExpectation(operator, value string) (Expectation, error) {
	e := Expectation{operator: operator, value: value}
	if value == "" && operator != "=" && operator != "!=" {
		return Expectation{}, fmt.Errorf("the operator %s needs a value", operator)
	}
	if operator != "~" {
		return e, nil
	}
	pattern, err := regexp.Compile(value)
	if err != nil {
		return Expectation{}, fmt.Errorf("the regular expression after ~ is wrong: %w", err)
	}
	e.pattern = pattern
	return e, nil
}

// excerpt is the beginning of a text for a message.
func excerpt(text string) string {
	const most = 40
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Holds reports whether what was observed is as expected. With = != < <= > >=,
// white space around the observed text does not count, and two numbers compare
// as numbers, exactly, however long they are. Otherwise = and != compare the
// texts; the order of two texts is that of their bytes, which is that of dates
// and times written alike; a text and a number have no order, so none of
// < <= > >= holds of them.
func (e Expectation) Holds(observed string) bool {
	switch e.operator {
	case "~":
		return e.pattern.MatchString(observed)
	case "*=":
		return strings.Contains(observed, e.value)
	}
	observed = strings.TrimSpace(observed)
	a, aNumber := parseDecimal(observed)
	b, bNumber := parseDecimal(e.value)
	order := strings.Compare(observed, e.value)
	if aNumber && bNumber {
		order = a.compare(b)
	}
	comparable := aNumber == bNumber
	switch e.operator {
	case "!=":
		return order != 0
	case "<":
		return comparable && order < 0
	case "<=":
		return comparable && order <= 0
	case ">":
		return comparable && order > 0
	case ">=":
		return comparable && order >= 0
	default:
		return order == 0
	}
}

// String is the expectation as ParseExpectation reads it.
func (e Expectation) String() string {
	if e.operator == "" {
		return "="
	}
	return strings.TrimSpace(e.operator + " " + e.value)
}

// counts is an error unless the expectation can be about a number of things.
func (e Expectation) counts() error {
	_, number := parseDecimal(e.value)
	if e.operator == "~" || e.operator == "*=" || !number {
		return errors.New("must be a number, alone or after one of = != < <= > >=")
	}
	return nil
}

// decimal is a number: its sign times 0.DIGITS times 10 to the power of
// exponent. The digits neither begin nor end with a 0; zero has none, and no sign.
type decimal struct {
	negative bool
	digits   string
	exponent int64
}

var decimalText = regexp.MustCompile(`^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?$`)

// parseDecimal reads a number such as 42, -0.5, .5 or 1e3. It is not put into a
// big.Rat, in which 1e999999999 takes a gigabyte.
func parseDecimal(text string) (decimal, bool) {
	m := decimalText.FindStringSubmatch(text)
	if len(m) == 0 || m[2]+m[3] == "" {
		return decimal{}, false
	}
	var power int64
	if m[4] != "" {
		// It has at most nine digits.
		power, _ = strconv.ParseInt(m[4], 10, 64)
	}
	digits := strings.TrimLeft(m[2]+m[3], "0")
	leading := len(m[2]+m[3]) - len(digits)
	d := decimal{m[1] == "-", strings.TrimRight(digits, "0"), power + int64(len(m[2])-leading)}
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

// sign is -1, 0 or 1.
func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

// compare is negative when d is less than other, 0 when they are equal, else positive.
func (d decimal) compare(other decimal) int {
	if d.sign() != other.sign() || d.sign() == 0 {
		return d.sign() - other.sign()
	}
	size := strings.Compare(d.digits, other.digits)
	if d.exponent != other.exponent {
		size = 1
		if d.exponent < other.exponent {
			size = -1
		}
	}
	return size * d.sign()
}
