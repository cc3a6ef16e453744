package chunks

// Sizes of chunks, in bytes.
const (
	// Size is what a chunk has unless more are coming than fit in so many
	// chunks. S3 takes none below 5 MiB but the last.
	Size = 8 << 20
	// MaxSize is that of the largest chunk: all uploads take turns then.
	MaxSize = Budget
)

// Plan says how large the chunks of one upload are.
type Plan struct {
	// Limit is how many chunks the service takes for one object.
	Limit int
	// size is that of the chunks at the beginning.
	size int
}

// NewPlan makes a plan for about estimate bytes, 0 when unknown, in at most limit chunks.
func NewPlan(estimate int64, limit int) Plan {
	size := Size
	// Half as much again may come before chunks have to grow.
	for size < MaxSize && int64(size)*int64(limit) < estimate+estimate/2 {
		size += Size
	}
	return Plan{Limit: limit, size: min(size, MaxSize)}
}

// Size is that of the chunk with a number from 1 on. The last quarter of an
// upload that goes on beyond its estimate has the largest.
func (p Plan) Size(number int) int {
	if number > p.Limit/4*3 {
		return MaxSize
	}
	return p.size
}
