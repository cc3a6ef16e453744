package check_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// bookstore is figure 1 of RFC 9535.
const bookstore = `{ "store": {
    "book": [
      { "category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95 },
      { "category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99 },
      { "category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99 },
      { "category": "fiction", "author": "J.R.R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395-19395-8", "price": 22.99 }
    ],
    "bicycle": { "color": "red", "price": 399 }
} }`

// TestPathsOfTheRFC has the examples of section 1.5, and some of 2.3 and 2.4 on the same document.
func TestPathsOfTheRFC(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, bookstore) }))
	t.Cleanup(server.Close)
	r := &check.Runner{}
	for path, expect := range map[string]string{
		"$.store.book[*].author":               `["Nigel Rees","Evelyn Waugh","Herman Melville","J.R.R. Tolkien"]`,
		"$..author":                            `["Nigel Rees","Evelyn Waugh","Herman Melville","J.R.R. Tolkien"]`,
		"$..book[2].title":                     "Moby Dick",
		"$..book[2].author":                    "Herman Melville",
		"$..book[-1].title":                    "The Lord of the Rings",
		"$..book[0,1].price":                   "[8.95,12.99]",
		"$..book[:2].price":                    "[8.95,12.99]",
		"$..book[?@.isbn].title":               `["Moby Dick","The Lord of the Rings"]`,
		"$..book[?@.price<10].title":           `["Sayings of the Century","Moby Dick"]`,
		"$['store'][\"bicycle\"]['color']":     "red",
		"$.store.bicycle.price":                "399",
		"$.store.book[1:3].price":              "[12.99,8.99]",
		"$.store.book[::2].price":              "[8.95,8.99]",
		"$.store.book[::-2].price":             "[22.99,12.99]",
		"$.store.book[?@.price==399].title":    "",
		"$.store.book[?!@.isbn].price":         "[8.95,12.99]",
		"$.store.book[?@.price>9 && @.isbn]":   `*= "J.R.R. Tolkien"`,
		"$.store.book[?length(@.title)<10]":    `*= Moby Dick`,
		"$.store.book[?match(@.title,'S.*y')]": `*= Century`,
		"$..book[2].publisher":                 "",
	} {
		w := want{result: drill.Pass}
		if expect == "" {
			w = fail("the body has nothing at " + path)
		}
		try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: server.URL, JSONPath: path, Expect: expect}, w)
	}
}
