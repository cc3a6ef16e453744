package evidence

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const (
	// maxSeq is the last entry that a key of 12 digits can name.
	maxSeq = 999_999_999_999
	// maxObject is far above what a valid record, its hashes and a checkpoint can have.
	maxObject = 512 << 10
	// maxNote is far above a checkpoint with one signature.
	maxNote = 4 << 10
	// signatureSize is the key's hash and an Ed25519 signature, RFC 8032.
	signatureSize = 4 + 64
)

// object is the object of one entry.
type object struct {
	record Record
	// line is the record as it stands there, the leaf.
	line []byte
	// hashes are those of the subtrees that the entry completes, level 0 first.
	hashes []tlog.Hash
	head   checkpoint
	// digest is sha256:HEX of the whole object, size how many bytes it has.
	digest string
	size   int64
}

// checkpoint is the signed head of a tree.
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
	// note is the signed note, whole.
	note []byte
}

// entryKey is the key of an entry's object.
func entryKey(seq int64) string { return fmt.Sprintf("%s%012d", entriesFolder, seq) }

// seqOf is the entry that a key names.
func seqOf(key string) (int64, bool) {
	digits, ok := strings.CutPrefix(key, entriesFolder)
	seq, err := strconv.ParseInt(digits, 10, 64)
	return seq, ok && err == nil && seq >= 0 && entryKey(seq) == key
}

// encodeObject writes the object of an entry.
func encodeObject(line []byte, seq int64, hashes []tlog.Hash, signed []byte) []byte {
	out := append(bytes.Clone(line), '\n')
	for level, h := range hashes {
		out = fmt.Appendf(out, "hash %d %d %s\n", level, seq>>level, h)
	}
	return append(append(out, '\n'), signed...)
}

// parseObject reads the object of an entry, and checks all that can be checked
// without the others: its exact form, the leaf's hash, that the checkpoint is of
// the tree that ends with it. It does not check the signature.
func parseObject(data []byte, seq int64) (*object, error) {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	o := &object{line: line, digest: "sha256:" + seal.SHA256(data), size: int64(len(data))}
	var err error
	if o.record, err = parseRecord(line); err != nil {
		return nil, err
	}
	if o.record.Seq != seq {
		return nil, fault.New(fault.Corrupt, "it is entry %d", o.record.Seq)
	}
	levels := bits.TrailingZeros64(uint64(seq)+1) + 1
	for level := range levels {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		encoded, ok := strings.CutPrefix(string(text), fmt.Sprintf("hash %d %d ", level, seq>>level))
		h, isHash := parseHash(encoded)
		if !ok || !isHash {
			return nil, fault.New(fault.Corrupt, "its line for the hash of level %d is malformed", level)
		}
		o.hashes = append(o.hashes, h)
	}
	if o.hashes[0] != tlog.RecordHash(line) {
		return nil, fault.New(fault.Corrupt, "its hash is not that of its record")
	}
	signed, ok := bytes.CutPrefix(rest, []byte("\n"))
	if !ok {
		return nil, fault.New(fault.Corrupt, "no empty line follows its hashes")
	}
	if o.head, err = parseCheckpoint(signed); err != nil {
		return nil, err
	}
	if o.head.size != seq+1 {
		return nil, fault.New(fault.Corrupt, "its checkpoint is of %d entries", o.head.size)
	}
	return o, nil
}

// parseHash reads a hash in its one exact form.
func parseHash(text string) (tlog.Hash, bool) {
	h, err := tlog.ParseHash(text)
	return h, err == nil && h.String() == text
}

// checkpointText is what a checkpoint's signature is over.
func checkpointText(origin string, size int64, root tlog.Hash) []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s\n", origin, size, root)
}

// parseCheckpoint reads a checkpoint in its one exact form: origin, size and root,
// an empty line, and one Ed25519 signature by a key of the origin's name. Signed
// notes may have more signatures, and the ledger's own must not: nobody could
// tell whether they were there from the start. It does not check the signature.
func parseCheckpoint(signed []byte) (checkpoint, error) {
	c, rest, err := parseHead(signed)
	if err != nil {
		return checkpoint{}, err
	}
	encoded, ok := strings.CutPrefix(rest, "\n— "+c.origin+" ")
	encoded, ended := strings.CutSuffix(encoded, "\n")
	signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || !ended || err != nil || len(signature) != signatureSize || strings.ContainsAny(encoded, "\r\n") {
		return checkpoint{}, fault.New(fault.Corrupt, "the checkpoint's signature is malformed, or not the only one")
	}
	return c, nil
}

// parseHead reads the text of a checkpoint, without extension lines, and
// returns what follows: the empty line and the signatures.
func parseHead(signed []byte) (c checkpoint, rest string, err error) {
	lines := strings.SplitN(string(signed), "\n", 4)
	if len(signed) > maxNote || len(lines) != 4 || lines[0] == "" {
		return checkpoint{}, "", fault.New(fault.Corrupt, "the checkpoint is malformed")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, ok := parseHash(lines[2])
	if err != nil || !ok || size < 0 || size > maxSeq+1 || strconv.FormatInt(size, 10) != lines[1] {
		return checkpoint{}, "", fault.New(fault.Corrupt, "the checkpoint's size or root is malformed")
	}
	return checkpoint{lines[0], size, root, bytes.Clone(signed)}, lines[3], nil
}

// verify checks a checkpoint's signature and returns the key that made it.
// Another origin than the one given, unless that is empty, is fault.Corrupt.
func (c checkpoint) verify(publics []string, origin string) (signedBy string, err error) {
	if origin != "" && c.origin != origin {
		return "", fault.New(fault.Corrupt, "it is of another ledger, %q", c.origin)
	}
	_, signedBy, err = seal.VerifyNote(c.note, publics)
	if err != nil {
		return "", err
	}
	if name, _, _ := strings.Cut(signedBy, "+"); name != c.origin {
		return "", fault.New(fault.Corrupt, "it is of the ledger %q, and signed by a key of the name %q", c.origin, name)
	}
	return signedBy, nil
}

// quoted shortens foreign text for an error.
func quoted(text string) string { return fmt.Sprintf("%.200q", text) }

// stamp is a moment as records have it.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
