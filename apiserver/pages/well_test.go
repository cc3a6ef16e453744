package pages

import (
	"strings"

	"golang.org/x/net/html"
)

// well checks what holds of every page: its policy, that nothing in it is a
// script, a style or a handler, that IDs are unique, that forms have their token
// and inputs their labels, tables their captions.
func (p page) well() {
	p.t.Helper()
	if got := p.header.Get("Content-Security-Policy"); got != policy {
		p.t.Errorf("%s: Content-Security-Policy %q", p.path, got)
	}
	if got := p.header.Get("Cache-Control"); got != "no-store" {
		p.t.Errorf("%s: Cache-Control %q", p.path, got)
	}
	ids, labelled, headings := map[string]bool{}, map[string]bool{}, 0
	for _, n := range p.nodes() {
		if n.Data == "label" {
			labelled[attr(n, "for")] = true
		}
	}
	for _, n := range p.nodes() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || a.Key == "hx-vals" || a.Key == "hx-vars":
				p.t.Errorf("%s: <%s %s=%q>", p.path, n.Data, a.Key, a.Val)
			case (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.HasPrefix(strings.ToLower(a.Val), "javascript:"):
				p.t.Errorf("%s: <%s %s=%q>", p.path, n.Data, a.Key, a.Val)
			case a.Key == "id" && ids[a.Val]:
				p.t.Errorf("%s: the id %s is there twice", p.path, a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			}
		}
		switch n.Data {
		case "style":
			p.t.Errorf("%s has a style element", p.path)
		case "script":
			if n.FirstChild != nil || !strings.HasPrefix(attr(n, "src"), "/static/") {
				p.t.Errorf("%s has a script of its own", p.path)
			}
		case "h1":
			headings++
		case "form":
			if strings.EqualFold(attr(n, "method"), "post") && attr(n, "action") != "/login" && !hasToken(n) {
				p.t.Errorf("%s: the form of %s has no token", p.path, attr(n, "action"))
			}
		case "input", "select", "textarea":
			if kind := attr(n, "type"); kind != "hidden" && kind != "radio" && kind != "checkbox" && !labelled[attr(n, "id")] && attr(n, "aria-label") == "" {
				p.t.Errorf("%s: the field %s has no label", p.path, attr(n, "name"))
			}
		case "table":
			if n.FirstChild == nil || first(n).Data != "caption" {
				p.t.Errorf("%s has a table without a caption", p.path)
			}
		}
	}
	if headings != 1 || !ids["main"] {
		p.t.Errorf("%s has %d headings of the first order", p.path, headings)
	}
	if strings.Contains(p.body, hush) {
		p.t.Errorf("%s shows a secret", p.path)
	}
	if strings.Contains(p.body, "ZgotmplZ") || strings.Contains(p.body, "<no value>") {
		p.t.Errorf("%s has something that the templates refused: %s", p.path, p.body)
	}
	p.balanced()
}

func first(n *html.Node) *html.Node {
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode {
			return c
		}
	}
	return n
}

func hasToken(form *html.Node) bool {
	for n := range form.Descendants() {
		if n.Data == "input" && attr(n, "name") == "csrf" && attr(n, "value") != "" {
			return true
		}
	}
	return false
}

// void are the elements without an end (WHATWG HTML 13.1.2), and those of SVG that end themselves.
var void = map[string]bool{
	"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true, "link": true, "meta": true,
	"source": true, "track": true, "wbr": true,
}

// balanced checks that every element that is begun is ended, and in order: the
// parser would mend it, and browsers do so each in their way.
func (p page) balanced() {
	p.t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(p.body))
	var open []string
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				p.t.Errorf("%s: <%s> is not ended", p.path, open[len(open)-1])
			}
			return
		case html.StartTagToken:
			if name, _ := tokens.TagName(); !void[string(name)] {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				p.t.Errorf("%s: </%s> ends %v", p.path, name, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
}
