package chain

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	hashBytes    = 32
	addressBytes = 20
	wordBytes    = 32
)

// ParseHash reads the hash of a block or a transaction as databases write
// them: 64 hexadecimal digits, after 0x, after \x (as PostgreSQL shows bytea),
// or bare. It gives them in lower case after 0x. Anything else is fault.Invalid.
func ParseHash(text string) (string, error) { return parseFixed(text, hashBytes, "hash") }

// ParseAddress reads the address of an account as ParseHash reads a hash; it
// has 40 digits, and the case of EIP-55's checksum is not checked.
func ParseAddress(text string) (string, error) { return parseFixed(text, addressBytes, "address") }

func parseFixed(text string, size int, what string) (string, error) {
	digits := text
	for _, prefix := range []string{"0x", "0X", `\x`} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			digits = rest
			break
		}
	}
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 2*size {
		return "", fault.New(fault.Invalid, "%q is no %s: it has %d hexadecimal digits", brief(text), what, 2*size)
	}
	return "0x" + strings.ToLower(digits), nil
}

// quantity is a number as the execution API writes it: 0x and hexadecimal
// digits, of which leading zeros are let pass.
type quantity string

func (q quantity) digits() (string, error) {
	digits, ok := strings.CutPrefix(string(q), "0x")
	if !ok || digits == "" || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return "", fault.New(fault.Corrupt, "the node gives %q for a number", brief(string(q)))
	}
	return digits, nil
}

func (q quantity) uint64() (uint64, error) {
	digits, err := q.digits()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0, fault.New(fault.Corrupt, "the node gives %s, which has over 64 bits", brief(string(q)))
	}
	return n, nil
}

// big reads a number of at most 256 bits.
func (q quantity) big() (*big.Int, error) {
	digits, err := q.digits()
	if err != nil {
		return nil, err
	}
	digits = strings.TrimLeft(digits, "0")
	if len(digits) > 2*wordBytes {
		return nil, fault.New(fault.Corrupt, "the node gives a number of over 256 bits")
	}
	n, _ := new(big.Int).SetString("0"+digits, 16)
	return n, nil
}

// toQuantity writes a number as the execution API wants it.
func toQuantity(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// fromNode is a hash or an address in a node's answer.
func fromNode(text string, size int, what string) (string, error) {
	parsed, err := parseFixed(text, size, what)
	if err != nil || !strings.HasPrefix(text, "0x") {
		return "", fault.New(fault.Corrupt, "the node gives %q for a %s", brief(text), what)
	}
	return parsed, nil
}
