package kubernetes

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
)

// TestMemoryIsBounded reads lists of large objects, and looks at what is held.
// It is not parallel to others, whose memory would count.
func TestMemoryIsBounded(t *testing.T) {
	const (
		inList, lists = 48, 4
		// The bound that walk promises, and something for all else.
		most = (80 + 20) << 20
	)
	value := strings.Repeat("x", 1<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		to, next := min(from+limit, inList), ""
		if to < inList {
			next = strconv.Itoa(to)
		}
		fmt.Fprintf(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"continue":%q},"items":[`, next)
		for i := from; i < to; i++ {
			if i > from {
				_, _ = io.WriteString(w, ",")
			}
			fmt.Fprintf(w, `{"metadata":{"name":"c-%d","namespace":"n"},"data":{"v":"`, i)
			_, _ = io.WriteString(w, value)
			_, _ = io.WriteString(w, `"}}`)
		}
		_, _ = io.WriteString(w, "]}")
	}))
	defer server.Close()
	l, err := newLister(&clients.Client{REST: &rest.Config{Host: server.URL, QPS: -1}})
	if err != nil {
		t.Fatal(err)
	}
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, peak, count := held(), int64(0), 0
	var of []listing
	for range lists {
		of = append(of, someMaps)
	}
	err = l.walk(t.Context(), of, refuse(t), func(Object) error {
		if count++; count%8 == 0 {
			peak = max(peak, held()-before)
		}
		return nil
	})
	if err != nil || count != inList*lists {
		t.Fatalf("%d objects: %v", count, err)
	}
	if peak > most {
		t.Errorf("%d MiB are held of %d", peak>>20, inList*lists)
	}
	t.Logf("at most %d MiB were held of %d", peak>>20, inList*lists)
}
