// Package reference writes the reference pages of docs/reference from the code
// that they describe, and fails when a page is not what the code says. After a
// change, "go test ./tests/reference -update" writes them anew.
package reference

import (
	"encoding"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var update = flag.Bool("update", false, "write docs/reference anew")

// page compares a page with what it should be, or writes it.
func page(t *testing.T, name, want string) {
	t.Helper()
	file := filepath.Join(servers.Root(t), "docs", "reference", name)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("docs/reference/%s is not what the code says: go test ./tests/reference -update writes it anew", name)
	}
}

const configHead = `# Configuration

Every key of ` + "`lifeboat.yaml`" + `, as the program reads it. NAME stands for a name of your own: letters, digits and
dashes. Unknown keys are refused with their line. Any value may hold ` + "`${VARIABLE}`" + `; for a secret, the variable
` + "`VARIABLE_FILE`" + ` may name a file that holds it. Durations are like ` + "`90s`, `15m`, `36h` or `30d`" + `, sizes like ` + "`500MB` or `16GB`" + `.
`

func TestConfigReference(t *testing.T) {
	t.Parallel()
	w := &writer{t: t, comments: newComments(), keys: map[string]string{}}
	w.collect(reflect.TypeFor[config.Config](), map[reflect.Type]bool{})
	w.section("", reflect.TypeFor[config.Config]())
	for len(w.later) > 0 {
		next := w.later[0]
		w.later = w.later[1:]
		w.section(next.path, next.typ)
	}
	page(t, "config.md", configHead+w.out.String())
}

// writer writes one section for each struct of the configuration.
type writer struct {
	t        *testing.T
	comments *comments
	// keys are the keys of the file by the names of their fields.
	keys  map[string]string
	later []pending
	out   strings.Builder
}

type pending struct {
	path string
	typ  reflect.Type
}

// collect learns how the fields are called in the file.
func (w *writer) collect(typ reflect.Type, seen map[reflect.Type]bool) {
	typ = structIn(typ)
	if typ == nil || seen[typ] {
		return
	}
	seen[typ] = true
	w.comments.of(w.t, typ, "")
	for f := range typ.Fields() {
		key, inline := keyOf(f)
		if key == "" && !inline {
			continue
		}
		if !inline {
			w.keys[f.Name] = key
		}
		w.collect(f.Type, seen)
	}
}

func (w *writer) section(path string, typ reflect.Type) {
	title := path
	if path == "" {
		title = "The file"
	}
	fmt.Fprintf(&w.out, "\n## %s\n\n", title)
	if said := w.about(typ); said != "" && path != "" {
		fmt.Fprintf(&w.out, "%s\n\n", said)
	}
	fmt.Fprintf(&w.out, "| key | value | meaning |\n| --- | --- | --- |\n")
	w.rows(path, typ)
}

func (w *writer) rows(path string, typ reflect.Type) {
	for f := range typ.Fields() {
		key, inline := keyOf(f)
		switch {
		case inline:
			w.rows(path, structIn(f.Type))
		case key != "":
			below := strings.TrimPrefix(path+"."+key, ".")
			said := w.text(w.comments.of(w.t, typ, f.Name), f.Name)
			if below := structIn(f.Type); said == "" && below != nil {
				said = w.about(below)
			}
			fmt.Fprintf(&w.out, "| `%s` | %s | %s |\n", key, w.kind(below, f.Type), strings.ReplaceAll(said, "|", "\\|"))
		}
	}
}

// about is what a type is for; several rooms call theirs Config.
func (w *writer) about(typ reflect.Type) string {
	said := w.comments.of(w.t, typ, "")
	if rest, own := strings.CutPrefix(said, "Config "); own {
		said = "This " + rest
	}
	return w.text(said, "")
}

// kind says what a value looks like, and puts structs on the list of sections.
func (w *writer) kind(path string, typ reflect.Type) string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[secret.String]():
		return "secret text"
	case typ == reflect.TypeFor[time.Duration](), typ.Name() == "Duration":
		return "duration"
	case typ.Name() == "Bytes":
		return "size"
	case typ.Kind() == reflect.Map && structIn(typ.Elem()) != nil:
		w.later = append(w.later, pending{path + ".NAME", structIn(typ.Elem())})
		return "by name, " + link(path+".NAME")
	case typ.Kind() == reflect.Map:
		return "texts by name"
	case typ.Kind() == reflect.Slice && structIn(typ.Elem()) != nil:
		w.later = append(w.later, pending{path + "[]", structIn(typ.Elem())})
		return "list, " + link(path+"[]")
	case typ.Kind() == reflect.Slice:
		return "list of " + w.kind(path, typ.Elem()) + "s"
	case structIn(typ) != nil:
		w.later = append(w.later, pending{path, typ})
		return link(path)
	case typ.Kind() == reflect.Bool:
		return "true or false"
	case typ.Kind() == reflect.String, typ.Kind() == reflect.Struct:
		return "text"
	default:
		return "number"
	}
}

func link(path string) string {
	anchor := regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(strings.ToLower(path), "")
	return "[" + path + "](#" + anchor + ")"
}

var word = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]+\b`)

// text puts a comment on one line, with keys and values as the file has them.
// The name of the commented thing begins a comment: there it is no key.
func (w *writer) text(said, name string) string {
	said = strings.Join(strings.Fields(said), " ")
	return word.ReplaceAllStringFunc(said, func(found string) string {
		key, known := w.keys[found]
		switch value, constant := w.comments.constants[found]; {
		case constant:
			return "`" + value + "`"
		case known && found == name, known && compound(found):
			return "`" + key + "`"
		default:
			return found
		}
	})
}

// compound reports whether a word is no ordinary one, nor an abbreviation.
func compound(found string) bool {
	return strings.ToLower(found[1:]) != found[1:] && strings.ToUpper(found) != found
}

// keyOf is how a field is called in the file; empty for one that isn't in it.
func keyOf(f reflect.StructField) (key string, inline bool) {
	key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if strings.Contains(options, "inline") {
		return "", true
	}
	if key == "-" {
		key = ""
	}
	return key, false
}

// structIn is the struct that a value is or points to, or holds; nil for a
// value that is written as text.
func structIn(typ reflect.Type) reflect.Type {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || reflect.PointerTo(typ).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return typ
}
