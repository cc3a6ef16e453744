package chunks

// Sizes of chunks, in bytes.
const (
	// Size is what a chunk has unless more are coming than fit in so many chunks.
	Size = 16 << 20
	// MaxSize bounds the memory of an upload, which is three chunks.
	MaxSize = 64 << 20
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
	return Plan{Limit: limit, size: size}
}

// Size is that of the chunk with a number from 1 on. The last quarter of an
// upload that goes on beyond its estimate has the largest.
func (p Plan) Size(number int) int {
	if number > p.Limit/4*3 {
		return MaxSize
	}
	return p.size
}
