package reference

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const module = "github.com/lifeboat-dr/lifeboat/"

// comments has what the source says of types and their fields.
type comments struct {
	// said is by import path and type, or by import path, type and field, with dots between.
	said map[string]string
	// constants are the values of exported string constants, by name.
	constants map[string]string
	read      map[string]bool
}

func newComments() *comments {
	return &comments{said: map[string]string{}, constants: map[string]string{}, read: map[string]bool{}}
}

// of is the comment of a type, or of a field of it.
func (c *comments) of(t *testing.T, typ reflect.Type, field string) string {
	t.Helper()
	c.parse(t, typ.PkgPath())
	key := typ.PkgPath() + "." + typ.Name()
	if field != "" {
		key += "." + field
	}
	return c.said[key]
}

// parse reads a package of this module once.
func (c *comments) parse(t *testing.T, pkg string) {
	t.Helper()
	folder, own := strings.CutPrefix(pkg, module)
	if c.read[pkg] || !own {
		return
	}
	c.read[pkg] = true
	dir := filepath.Join(servers.Root(t), filepath.FromSlash(folder))
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.Name()), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if group, ok := decl.(*ast.GenDecl); ok {
				c.group(pkg, group)
			}
		}
	}
}

func (c *comments) group(pkg string, group *ast.GenDecl) {
	for _, spec := range group.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := spec.Doc.Text()
			if doc == "" {
				doc = group.Doc.Text()
			}
			c.said[pkg+"."+spec.Name.Name] = doc
			if s, ok := spec.Type.(*ast.StructType); ok {
				c.fields(pkg+"."+spec.Name.Name, s)
			}
		case *ast.ValueSpec:
			c.values(spec)
		}
	}
}

// fields keeps the comments of a struct. One comment stands for all fields that
// follow without one of their own on the next lines.
func (c *comments) fields(name string, s *ast.StructType) {
	shared := ""
	for _, f := range s.Fields.List {
		if doc := f.Doc.Text(); doc != "" {
			shared = doc
		}
		for _, n := range f.Names {
			if f.Doc.Text() != "" || strings.Contains(shared, n.Name) {
				c.said[name+"."+n.Name] = shared
			}
		}
	}
}

func (c *comments) values(spec *ast.ValueSpec) {
	for i, n := range spec.Names {
		if i >= len(spec.Values) || !n.IsExported() {
			continue
		}
		if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if value, err := strconv.Unquote(literal.Value); err == nil {
				c.constants[n.Name] = value
			}
		}
	}
}
