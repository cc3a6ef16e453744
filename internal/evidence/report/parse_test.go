package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// attributes are all elements that a page may have, with their attributes.
var attributes = map[string]string{
	"html": "lang", "head": "", "meta": "charset name content http-equiv", "title": "id", "style": "", "body": "", "header": "", "main": "", "footer": "",
	"nav": "aria-label", "section": "id aria-labelledby", "div": "class", "h1": "dir", "h2": "id", "h3": "dir", "p": "class dir", "span": "class dir aria-hidden",
	"strong": "", "b": "class aria-hidden", "a": "href", "ol": "", "ul": "", "li": "dir", "dl": "class", "dt": "", "dd": "", "pre": "tabindex",
	"table": "role class", "caption": "dir", "colgroup": "", "col": "class", "thead": "role", "tbody": "role", "tr": "role", "th": "scope role", "td": "role",
	"figure": "class role aria-label tabindex", "svg": "viewbox role aria-labelledby", "desc": "id", "g": "", "line": "class x1 x2 y1 y2",
	"rect": "class x y width height", "path": "class d", "text": "class x y text-anchor",
}

// examine parses a page as a browser does and checks that it is sound and asks
// for nothing. It returns the page's skeleton, which is its elements with
// their attributes' names and classes, and its text.
func examine(t *testing.T, page []byte) (skeleton, text string) {
	t.Helper()
	wellFormed(t, page)
	if at := bytes.IndexFunc(page, hidden); at >= 0 {
		t.Errorf("the page has a character that can't be seen, at %q", page[at:min(at+20, len(page))])
	}
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var bones, words strings.Builder
	ids, refs := map[string]bool{}, []string{}
	for n := range doc.Descendants() {
		switch n.Type {
		case html.TextNode:
			words.WriteString(n.Data + "\n")
		case html.CommentNode:
			t.Errorf("the page has a comment: %q", n.Data)
		case html.ElementNode:
			allowed, known := attributes[strings.ToLower(n.Data)]
			if !known {
				t.Errorf("the page has an element %s", n.Data)
			}
			fmt.Fprintf(&bones, "<%s", n.Data)
			for _, a := range n.Attr {
				if !slices.Contains(strings.Fields(allowed), strings.ToLower(a.Key)) {
					t.Errorf("%s has an attribute %s", n.Data, a.Key)
				}
				fmt.Fprintf(&bones, " %s", a.Key)
				switch a.Key {
				case "class", "role", "scope":
					fmt.Fprintf(&bones, "=%s", a.Val)
				case "id":
					if ids[a.Val] {
						t.Errorf("two elements have the id %s", a.Val)
					}
					ids[a.Val] = true
				case "href":
					target, inPage := strings.CutPrefix(a.Val, "#")
					if !inPage {
						t.Errorf("a link leads out of the page: %s", a.Val)
					}
					refs = append(refs, target)
				case "aria-labelledby":
					refs = append(refs, strings.Fields(a.Val)...)
				}
			}
			bones.WriteString(">\n")
			element(t, n)
		}
	}
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %s", ref)
		}
	}
	return bones.String(), words.String()
}

// wellFormed checks that every element is closed in its order, and every attribute quoted.
func wellFormed(t *testing.T, page []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Errorf("the page is not well-formed: %v", err)
			return
		}
	}
}

// element checks what an element of its kind must have.
func element(t *testing.T, n *html.Node) {
	t.Helper()
	switch n.Data {
	case "style":
		if n.FirstChild.Data != "\n"+pageCSS+printCSS {
			t.Error("the style is another one")
		}
	case "table":
		table := slices.Collect(below(n, "caption"))
		if len(table) != 1 || inner(table[0]) == "" {
			t.Error("a table has no caption")
		}
		head := len(slices.Collect(below(n, "col")))
		for row := range below(n, "tr") {
			cells := 0
			for cell := range row.ChildNodes() {
				cells++
				if cell.Data == "th" && attribute(cell, "scope") == "" {
					t.Errorf("the heading %q has no scope", inner(cell))
				}
			}
			if cells != head {
				t.Errorf("a row of %q has %d cells, and the table %d columns", inner(table[0]), cells, head)
			}
			if row.FirstChild.Data != "th" {
				t.Errorf("a row of %q has no heading", inner(table[0]))
			}
		}
	case "svg":
		if first := slices.Collect(below(n, "title")); len(first) == 0 || inner(first[0]) == "" {
			t.Error("the drawing has no title")
		}
		if about := slices.Collect(below(n, "desc")); len(about) != 1 || inner(about[0]) == "" {
			t.Error("the drawing is not described")
		}
	case "dl":
		for group := range n.ChildNodes() {
			if group.Type == html.ElementNode && (len(slices.Collect(below(group, "dt"))) != 1 || len(slices.Collect(below(group, "dd"))) != 1) {
				t.Error("a fact is no name with what there is to say of it")
			}
		}
	}
}

func below(n *html.Node, name string) func(yield func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		for child := range n.Descendants() {
			if child.Type == html.ElementNode && child.Data == name && !yield(child) {
				return
			}
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func inner(n *html.Node) string {
	var s strings.Builder
	for child := range n.Descendants() {
		if child.Type == html.TextNode {
			s.WriteString(child.Data)
		}
	}
	return strings.TrimSpace(s.String())
}
