//go:build bench

package objects

import "testing"

// TestMillion has a million keys, in the heap that TestMany has.
func TestMillion(t *testing.T) { scale(t, 1_000_000) }
