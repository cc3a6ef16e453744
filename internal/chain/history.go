package chain

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// history compares heights and the stored hash at the top of what both have.
func (r *reconciliation) history(ctx context.Context) error {
	var err error
	if r.result.Head, err = r.client.Head(ctx); err != nil {
		return err
	}
	if r.result.Finality, err = r.client.Finalized(ctx, r.o.Depth); err != nil {
		return err
	}
	head := r.result.Head.Number
	top := min(r.in.Height, head)
	r.result.Behind = head - top
	at, stored, err := r.stored(ctx, top)
	if err != nil {
		return err
	}
	read, err := r.client.Blocks(ctx, []uint64{at, top})
	if err != nil {
		return err
	}
	theirs, known := read[at]
	if !known || read[top].Hash == "" {
		return fault.New(fault.Unavailable, "the node has head %d and does not have block %d: it may be synchronising, compare again later", head, at)
	}
	r.anchor = read[top]
	if stored == "" || stored == theirs.Hash {
		r.upTo = &top
		if top == r.in.Height {
			r.indexed = &r.anchor
		}
	}
	switch stored {
	case "":
		r.heights("it may still be synchronising, or the database is of another chain; no block hashes are stored that would tell")
		r.add(ItemHash, "", theirs.Hash, "none", Warn, "the database stores no hash of this block: that it has the chain's history was not shown")
		return nil
	case theirs.Hash:
		r.heights("its head is stored with the same hash, so that the node is still synchronising or has lost blocks")
		r.add(ItemHash, "", theirs.Hash, stored, Pass, fmt.Sprintf("block %d", at))
		r.result.LastAgreed = &at
		return r.sampled(ctx, at)
	default:
		r.heights("and where both have blocks, they are not the same: the database is of another chain or of a fork")
		return r.diverged(ctx, theirs, stored)
	}
}

// stored is the highest stored hash at or below a height; empty where there is none.
func (r *reconciliation) stored(ctx context.Context, top uint64) (at uint64, hash string, err error) {
	if top == r.in.Height && r.in.Hash != "" {
		return top, r.in.Hash, nil
	}
	hashes, err := r.hashes(ctx, []uint64{top}, 0, top)
	if err != nil || len(hashes) == 0 {
		return top, "", err
	}
	at = slices.Max(slices.Collect(maps.Keys(hashes)))
	return at, hashes[at], nil
}

// hashes asks the database for hashes and keeps those of blocks low..high.
func (r *reconciliation) hashes(ctx context.Context, heights []uint64, low, high uint64) (map[uint64]string, error) {
	if r.in.Hashes == nil {
		return nil, nil
	}
	all, err := r.in.Hashes(ctx, heights)
	if err != nil {
		return nil, fault.While(err, "read the stored hashes of %d blocks", len(heights))
	}
	kept := make(map[uint64]string, len(all))
	for height, text := range all {
		if height < low || height > high {
			continue
		}
		if kept[height], err = ParseHash(text); err != nil {
			return nil, fault.While(err, "read the stored hash of block %d", height)
		}
	}
	return kept, nil
}

// sampled compares one batch of stored hashes below a block that agrees. The
// chain cannot differ there: what does was changed in the database.
func (r *reconciliation) sampled(ctx context.Context, agreed uint64) error {
	if agreed == 0 {
		return nil
	}
	stored, err := r.hashes(ctx, spread(0, agreed, r.client.batch), 0, agreed-1)
	if err != nil || len(stored) == 0 {
		return err
	}
	chain, err := r.client.Blocks(ctx, slices.Sorted(maps.Keys(stored)))
	if err != nil {
		return err
	}
	compared := 0
	for _, height := range slices.Sorted(maps.Keys(chain)) {
		if chain[height].Hash != stored[height] {
			r.add(ItemStoredHashes, "", chain[height].Hash, stored[height], Fail, fmt.Sprintf(
				"block %d: the chain agrees with the database above it, so that it is the stored row that is wrong", height))
			return nil
		}
		compared++
	}
	text := fmt.Sprintf("%d hashes as on the chain", len(chain))
	r.add(ItemStoredHashes, "", text, fmt.Sprintf("%d are", compared), Pass, "spread over the blocks below the indexed height")
	return nil
}

// diverged finds where the database left the chain, and judges that.
func (r *reconciliation) diverged(ctx context.Context, theirs Block, stored string) error {
	agreed, first, err := r.bisect(ctx, theirs.Number)
	if err != nil {
		return err
	}
	r.result.LastAgreed, r.result.FirstDivergent = agreed, &first
	final := r.result.Finality.Height
	outcome, where := Fail, fmt.Sprintf("block %d is the first whose stored hash is not the chain's", first)
	switch {
	case agreed == nil:
		where += "; no stored hash below it agrees"
	case *agreed+1 < first:
		where += fmt.Sprintf("; the last that agrees is %d, between them no hashes are stored", *agreed)
	}
	var detail string
	switch {
	case first <= final:
		detail = fmt.Sprintf("%s: at or below finality (%d), where the chain does not change: the database is of another chain or fork", where, final)
	case agreed == nil || *agreed < final:
		detail = fmt.Sprintf("%s: the blocks up to finality (%d) may differ, too", where, final)
	default:
		outcome = Warn
		detail = fmt.Sprintf("%s: above finality (%d), an ordinary reorganisation of %s, which the indexer has to undo",
			where, final, blocks(theirs.Number-*agreed))
	}
	r.add(ItemHash, "", theirs.Hash, stored, outcome, fmt.Sprintf("block %d; %s", theirs.Number, detail))
	r.upTo = agreed
	return nil
}

// bisect finds the highest block below one that differs whose stored hash is
// the chain's (nil: none), and the lowest whose is not. Each round asks for one
// batch of blocks, spread over what is still open, so that there are as many
// rounds as the number of blocks has digits to the base of the batch.
func (r *reconciliation) bisect(ctx context.Context, differs uint64) (agreed *uint64, first uint64, err error) {
	low, high := uint64(0), differs
	for low < high {
		stored, err := r.hashes(ctx, spread(low, high, r.client.batch), low, high-1)
		if err != nil {
			return nil, 0, err
		}
		if len(stored) == 0 {
			break
		}
		chain, err := r.client.Blocks(ctx, slices.Sorted(maps.Keys(stored)))
		if err != nil {
			return nil, 0, err
		}
		if len(chain) == 0 {
			break
		}
		for _, height := range slices.Sorted(maps.Keys(chain)) {
			if chain[height].Hash != stored[height] {
				high = height
				break
			}
			agreed, low = &height, height+1
		}
	}
	return agreed, high, nil
}

// spread gives at most n heights of low..high-1, evenly, the last one among them.
func spread(low, high uint64, n int) []uint64 {
	// Two at least, so that every round of a bisection at least halves.
	count := min(uint64(max(n, 2)), high-low)
	heights := make([]uint64, count)
	width, rest := (high-low)/count, (high-low)%count
	at := low
	for i := range heights {
		at += width
		if uint64(i) < rest {
			at++
		}
		heights[i] = at - 1
	}
	return heights
}
