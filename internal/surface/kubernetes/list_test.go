package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// lists answers as an API server does that has config maps, and no other types.
type lists struct {
	mu sync.Mutex
	// bytes are the sizes of the values.
	bytes []int
	// expires is how many requests that continue a list are refused.
	expires int
	// begun counts the lists that were begun, answered the pages.
	begun, answered int
	// cut ends this many pages in their middle.
	cut int
}

func (l *lists) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	if from == 0 {
		l.begun++
	} else if l.expires > 0 {
		l.expires--
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","metadata":{"continue":"other"},"status":"Failure","reason":"Expired","code":410,"message":"The provided continue parameter is too old"}`)
		return
	}
	l.answered++
	to := min(from+limit, len(l.bytes))
	next := ""
	if to < len(l.bytes) {
		next = fmt.Sprintf(`,"continue":"%d","remainingItemCount":%d`, to, len(l.bytes)-to)
	}
	var items []string
	for i := from; i < to; i++ {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":"c-%06d","namespace":"n","managedFields":[{"a":1}]},"data":{"v":%q}}`, i, strings.Repeat("x", l.bytes[i])))
	}
	text := fmt.Sprintf(`{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"%d"%s},"items":[%s]}`, l.begun, next, strings.Join(items, ","))
	if l.cut > 0 {
		l.cut--
		text = text[:len(text)/2]
	}
	fmt.Fprint(w, text)
}

func (l *lists) lister(t testing.TB) *lister {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	out, err := newLister(&clients.Client{REST: &rest.Config{Host: server.URL, QPS: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var someMaps = listing{of: resourceType{Resource: typeConfigMaps, Version: "v1", Kind: "ConfigMap", Namespaced: true}, namespace: "n"}

func refuse(t testing.TB) func(listing, string) error {
	return func(of listing, why string) error {
		t.Errorf("%s: %s", of, why)
		return nil
	}
}

// sizes are n equal ones.
func sizes(n, bytes int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = bytes
	}
	return out
}

func walked(t testing.TB, l *lister, of ...listing) ([]string, error) {
	t.Helper()
	var names []string
	err := l.walk(t.Context(), of, refuse(t), func(o Object) error {
		if o.Body.GetManagedFields() != nil || o.Body.GetKind() != "ConfigMap" || o.Body.GetAPIVersion() != "v1" {
			t.Errorf("%s is %v", o, o.Body.Object["metadata"])
		}
		names = append(names, o.Name)
		return nil
	})
	return names, err
}

func requireAll(t testing.TB, names []string, n int) {
	t.Helper()
	if len(names) != n {
		t.Fatalf("%d objects, not %d", len(names), n)
	}
	for i, name := range names {
		if name != fmt.Sprintf("c-%06d", i%n) {
			t.Fatalf("object %d is %s", i, name)
		}
	}
}

func TestListsAreReadInPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server *lists
		pages  int
	}{
		"none":                  {&lists{}, 1},
		"one page":              {&lists{bytes: sizes(pageObjects, 10)}, 1},
		"some pages":            {&lists{bytes: sizes(3*pageObjects+1, 10)}, 4},
		"large ones":            {&lists{bytes: sizes(8, 3<<20)}, 5},
		"large ones at the end": {&lists{bytes: append(sizes(3, 10), sizes(5, 3<<20)...)}, 3},
		"larger than a page":    {&lists{bytes: []int{10, pageBytes + 1, 10}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names, err := walked(t, c.server.lister(t), someMaps)
			if err != nil {
				t.Fatal(err)
			}
			requireAll(t, names, len(c.server.bytes))
			if c.server.answered < c.pages {
				t.Errorf("read in %d pages", c.server.answered)
			}
		})
	}
}

// TestExpiredLists starts lists over as long as nothing of them was handed on.
func TestExpiredLists(t *testing.T) {
	t.Parallel()
	small := &lists{bytes: sizes(2*pageObjects, 10), expires: 2}
	names, err := walked(t, small.lister(t), someMaps)
	if err != nil {
		t.Fatal(err)
	}
	requireAll(t, names, 2*pageObjects)
	if small.begun != 3 {
		t.Errorf("the list was begun %d times", small.begun)
	}
	never := &lists{bytes: sizes(2*pageObjects, 10), expires: 1000}
	if names, err := walked(t, never.lister(t), someMaps); !fault.Is(err, fault.Unavailable) || len(names) > 0 {
		t.Errorf("a list that always expires has %d objects: %v", len(names), err)
	}
	large := &lists{bytes: sizes(12, 2<<20)}
	l, count := large.lister(t), 0
	err = l.walk(t.Context(), []listing{someMaps}, refuse(t), func(Object) error {
		if count++; count == 1 {
			large.mu.Lock()
			large.expires = 1000
			large.mu.Unlock()
		}
		return nil
	})
	if !fault.Is(err, fault.Unavailable) || count == 0 || count >= 12 {
		t.Errorf("a list that expired after its beginning was handed on has %d objects: %v", count, err)
	}
}

func TestPagesThatEndInTheirMiddle(t *testing.T) {
	t.Parallel()
	server := &lists{bytes: sizes(10, 1000), cut: 1}
	if names, err := walked(t, server.lister(t), someMaps); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%d objects, %v", len(names), err)
	}
}

// TestManyLists has their objects in the order of the lists.
func TestManyLists(t *testing.T) {
	t.Parallel()
	server := &lists{bytes: sizes(pageObjects+3, 10)}
	var of []listing
	for range 40 {
		of = append(of, someMaps)
	}
	names, err := walked(t, server.lister(t), of...)
	if err != nil || len(names) != 40*(pageObjects+3) {
		t.Fatalf("%d objects: %v", len(names), err)
	}
	for i, name := range names {
		if name != fmt.Sprintf("c-%06d", i%(pageObjects+3)) {
			t.Fatalf("object %d is %s", i, name)
		}
	}
	own := errors.New("own")
	if err := server.lister(t).walk(t.Context(), of, refuse(t), func(Object) error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = server.lister(t).walk(ctx, of, refuse(t), func(Object) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestWhatCannotBeRead tells what stays so from what passes.
func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	custom := someMaps
	custom.of.Resource = schema.GroupResource{Group: "example.com", Resource: "widgets"}
	for name, c := range map[string]struct {
		code          int
		of            listing
		reason, text  string
		refused, kind string
	}{
		"forbidden": {403, someMaps, "Forbidden", `configmaps is forbidden: User "x" cannot list resource`, "forbidden to user x", ""},
		"broken":    {500, someMaps, "InternalError", "Internal error occurred: no key", "the API server can't read them: Internal error occurred: no key", ""},
		"etcd":      {500, someMaps, "InternalError", "etcdserver: leader changed", "", "unavailable"},
		"starting":  {503, someMaps, "ServiceUnavailable", "apiserver is starting", "", "unavailable"},
		"silent":    {503, custom, "ServiceUnavailable", "error trying to reach service", "the server of API group example.com does not answer", ""},
		"gone":      {404, custom, "NotFound", "the server could not find the requested resource", "", ""},
		"unknown":   {401, someMaps, "Unauthorized", "Unauthorized", "", "denied"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.code)
			_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": c.reason, "code": c.code, "message": c.text})
		}))
		l, err := newLister(&clients.Client{REST: &rest.Config{Host: server.URL}})
		if err != nil {
			t.Fatal(err)
		}
		refused := ""
		err = l.walk(t.Context(), []listing{c.of}, func(_ listing, why string) error { refused = why; return nil }, func(Object) error { return nil })
		if refused != c.refused || err == nil && c.kind != "" || err != nil && string(fault.KindOf(err)) != c.kind {
			t.Errorf("%s: refused %q, %v", name, refused, err)
		}
		server.Close()
	}
}

// FuzzReadPage reads lists that are none.
func FuzzReadPage(f *testing.F) {
	f.Add(`{"kind":"PodList","apiVersion":"v1","metadata":{"continue":"c","remainingItemCount":7},"items":[{"metadata":{"name":"p"}},{}]}`)
	f.Add(`{"items":null}`)
	f.Add(`{"items":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := readPage(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, item := range p.items {
			if !json.Valid(item) {
				t.Errorf("an object is %q", item)
			}
		}
	})
}
