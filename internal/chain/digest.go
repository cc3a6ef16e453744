package chain

import (
	"hash"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// LogDigest counts and digests a set of logs, in constant memory. The digest
// is BLAKE3 over one line for each log, ordered by block and index:
//
//	BLOCK,INDEX,0xTXHASH
//
// with block number and log index in decimal digits, the transaction's hash in
// lower-case hexadecimal ones, and a line feed at the end, the last line's too.
// So the digest of stored rows can be had by hand, from
//
//	COPY (SELECT block_number, log_index, '0x' || encode(transaction_hash, 'hex')
//	      FROM … ORDER BY 1, 2) TO STDOUT (FORMAT csv)
//
// through b3sum. The digest of no logs is that of no bytes.
type LogDigest struct {
	hash hash.Hash
	line []byte
	last LogKey
	n    uint64
}

// NewLogDigest starts a digest of no logs.
func NewLogDigest() *LogDigest { return &LogDigest{hash: seal.NewDigest()} }

// Add adds a log. One that comes before the last one, or whose hash is none, is fault.Invalid.
func (d *LogDigest) Add(k LogKey) error {
	if d.n > 0 && k.order(d.last) < 0 {
		return fault.New(fault.Invalid, "log %d of block %d comes after log %d of block %d: order logs by block and index",
			k.Index, k.Block, d.last.Index, d.last.Block)
	}
	tx, err := ParseHash(k.TxHash)
	if err != nil {
		return fault.While(err, "read log %d of block %d", k.Index, k.Block)
	}
	d.line = strconv.AppendUint(d.line[:0], k.Block, 10)
	d.line = strconv.AppendUint(append(d.line, ','), k.Index, 10)
	d.line = append(append(append(d.line, ','), tx...), '\n')
	d.hash.Write(d.line)
	d.last = k
	d.n++
	return nil
}

// Count is how many logs were added.
func (d *LogDigest) Count() uint64 { return d.n }

// Sum is the digest so far, as blake3:HEX.
func (d *LogDigest) Sum() string { return seal.FormatDigest(d.hash) }

// String is count and digest, as evidence shows them.
func (d *LogDigest) String() string { return count(d.n, "log") + ", " + d.Sum() }
