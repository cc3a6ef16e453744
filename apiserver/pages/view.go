package pages

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages by name. Each is the layout, the parts that several
// pages share (templates/part_*.html), and one file that defines "title" and "main".
type templates map[string]*template.Template

func (s *site) loadTemplates() (templates, error) {
	const layout, parts = "templates/layout.html", "templates/part_*.html"
	base, err := template.New("").Funcs(s.funcs()).ParseFS(templateFiles, layout, parts)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "read the layout of the pages")
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "list the pages")
	}
	all := templates{}
	for _, name := range names {
		if shared, _ := path.Match(parts, name); shared || name == layout {
			continue
		}
		page, err := base.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "read the page %s", name)
		}
		all[strings.TrimSuffix(path.Base(name), ".html")] = page
	}
	return all, nil
}

// view is the dot of every template; .Data is what the page itself is about.
type view struct {
	Data any
	// Who is signed in; its ID is empty when nobody is.
	Who apiserver.Key
	// CSRF stands in every form: {{template "token" .}}.
	CSRF    string
	Flash   *flash
	Version string
	UI      string
	Nav     []entry
}

// Can reports whether who is signed in has a role, by its name: what it may not
// do is not offered.
func (v view) Can(role apiserver.Role) bool { return v.Who.Role.Includes(role) }

// Once is a new number for a form, by which a form that is sent twice is known.
func (view) Once() string { return seal.RandomID(20) }

// entry is one line of the navigation.
type entry struct {
	Name, Path string
	// Current is what aria-current says: page, true for a page below it, or nothing.
	Current string
}

// sections are the entries of the navigation, in order, with the least role that they take.
var sections = []struct {
	name, path string
	least      apiserver.Role
}{
	{"Overview", "/", apiserver.Viewer},
	{"Snapshots", "/snapshots", apiserver.Viewer},
	{"Point in time", "/pitr", apiserver.Viewer},
	{"Drills", "/drills", apiserver.Viewer},
	{"Evidence", "/evidence", apiserver.Viewer},
	{"Schedules", "/schedules", apiserver.Viewer},
	{"Audit", "/audit", apiserver.Approver},
}

// navigation marks the section that a path is in.
func navigation(at string, role apiserver.Role) []entry {
	var out []entry
	for _, s := range sections {
		if !role.Includes(s.least) {
			continue
		}
		e := entry{Name: s.name, Path: s.path}
		switch {
		case at == s.path:
			e.Current = "page"
		case s.path != "/" && strings.HasPrefix(at, s.path+"/"):
			e.Current = "true"
		}
		out = append(out, e)
	}
	return out
}

func (s *site) bare(data any) view {
	return view{Data: data, Version: s.options.Version, UI: s.options.TemporalUI}
}

func (v *visit) view(data any) view {
	out := v.site.bare(data)
	out.Who, out.CSRF = v.who, v.session.Token
	out.Nav = navigation(v.Request().URL.Path, v.who.Role)
	return out
}

// write answers with a template of a page's file.
func (s *site) write(c echo.Context, status int, name, define string, dot view) error {
	text, err := s.execute(name, define, dot)
	if err != nil {
		return err
	}
	return c.HTMLBlob(status, text)
}

func (s *site) execute(name, define string, dot view) ([]byte, error) {
	page, ok := s.templates[name]
	if !ok {
		return nil, fault.New(fault.Internal, "there is no page %s", name)
	}
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, define, dot); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "make the page %s", name)
	}
	return out.Bytes(), nil
}

// workflowURL is a run's page in Temporal's Web UI, empty when nobody knows where that is.
func (s *site) workflowURL(id string) string {
	if s.options.TemporalUI == "" || id == "" {
		return ""
	}
	return strings.TrimRight(s.options.TemporalUI, "/") + "/namespaces/" + url.PathEscape(s.options.Namespace) +
		"/workflows/" + url.PathEscape(id)
}
