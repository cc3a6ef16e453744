package local

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
)

func open(t *testing.T, c store.Config) store.Store {
	t.Helper()
	c.Kind = "local"
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, store.Config{Dir: t.TempDir()}) })
}
