//go:build slim

package engine

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestSlimStartSaysWhatToDo(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Dir: t.TempDir()})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "temporal.address") {
		t.Errorf("got %v, want fault.Unsupported that names temporal.address", err)
	}
}
