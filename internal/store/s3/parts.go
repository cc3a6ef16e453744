package s3

import (
	"cmp"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// parts are those of an upload that have arrived, in any order.
type parts struct {
	mu   sync.Mutex
	done []types.CompletedPart
}

func (p *parts) add(part types.CompletedPart) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, part)
}

// inOrder is for when nobody adds any more.
func (p *parts) inOrder() []types.CompletedPart {
	slices.SortFunc(p.done, func(a, b types.CompletedPart) int { return cmp.Compare(*a.PartNumber, *b.PartNumber) })
	return p.done
}
