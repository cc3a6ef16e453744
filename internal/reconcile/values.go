package reconcile

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
)

// mostDigits is more than any number of 256 bits has.
const mostDigits = 100

// quantity reads a whole number that is not below zero: decimal digits, whose
// fraction is zero; hexadecimal digits after 0x; or bytes, as PostgreSQL shows
// bytea, the most significant first.
func quantity(cell []byte) (*big.Int, error) {
	if cell == nil {
		return nil, errors.New("NULL is no number")
	}
	text, base := string(trimmed(cell)), 10
	for _, prefix := range []string{"0x", "0X", `\x`} {
		if digits, ok := strings.CutPrefix(text, prefix); ok {
			text, base = digits, 16
			break
		}
	}
	if len(text) > mostDigits {
		return nil, fmt.Errorf("%s is too large", excerpt(cell))
	}
	n, ok := new(big.Int).SetString(text, base)
	// A sign or an underscore are no digits.
	if !ok || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return nil, fmt.Errorf("%s is no whole number", excerpt(cell))
	}
	return n, nil
}

func number64(cell []byte) (uint64, error) {
	n, err := quantity(cell)
	if err != nil {
		return 0, err
	}
	if !n.IsUint64() {
		return 0, fmt.Errorf("%s is too large", excerpt(cell))
	}
	return n.Uint64(), nil
}

// amount reads an amount, into decimal digits.
func amount(cell []byte) (string, error) {
	n, err := quantity(cell)
	if err != nil {
		return "", err
	}
	return n.String(), nil
}

func address(cell []byte) (string, error) {
	if cell == nil {
		return "", errors.New("NULL is no address")
	}
	return chain.ParseAddress(string(cell))
}

func logKey(row [][]byte) (key chain.LogKey, err error) {
	if key.Block, err = number64(row[0]); err != nil {
		return key, err
	}
	if key.Index, err = number64(row[1]); err != nil {
		return key, err
	}
	if row[2] == nil {
		return key, errors.New("NULL is no transaction's hash")
	}
	key.TxHash = string(row[2])
	return key, nil
}
