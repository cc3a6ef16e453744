package report

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// filler puts a text of its own into every string below a value, and something into all else.
type filler struct {
	// payload is what every text ends with.
	payload string
	// marks are the beginnings of the texts, by where each is.
	marks map[string]string
}

const secretValue = "hunter2-is-never-shown"

func (f *filler) text(path string) string {
	mark := fmt.Sprintf("mark%04dm", len(f.marks))
	f.marks[path] = mark
	return mark + f.payload
}

func (f *filler) fill(path string, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(declared.Add(time.Duration(len(f.marks)) * time.Second)))
		return
	case json.RawMessage:
		v.SetBytes([]byte(`{}`))
		return
	case secret.String:
		v.SetString(secretValue)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text(path))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(2)
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(2)
	case reflect.Float64:
		v.SetFloat(61.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(path, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(path, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(path+"{key}", key)
		f.fill(path+"{}", value)
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	default:
		panic(fmt.Sprintf("%s has a type that the test has nothing for: %s", path, v.Type()))
	}
}

func filled(payload string) (Drill, map[string]string) {
	var d Drill
	f := &filler{payload, map[string]string{}}
	f.fill("", reflect.ValueOf(&d).Elem())
	return d, f.marks
}

// hostile are texts that want to be more than text.
var hostile = map[string]string{
	"script":            `<script>alert(1)</script>`,
	"end of an element": `</span></td></tr></table></section></main></body></html><h1>Passed</h1>`,
	"attribute":         `" onmouseover="alert(1)" x='`,
	"attribute of SVG":  `'/><svg onload=alert(1)><animate onbegin=alert(1) attributeName=x dur=1s>`,
	"end of a title":    `</title></desc></svg></style><style>*{display:none}</style>`,
	"end of a script":   `--></script><!--<script>`,
	"CDATA":             `]]><![CDATA[<img src=x onerror=alert(1)>`,
	"entity":            `&lt;script&gt;&#60;img src=http://example.com/x&#62;&amp;`,
	"template":          `{{.}}{{template "facts" .}}`,
	"URL":               `javascript:alert(1)`,
	"image":             `<img src="https://example.com/x.png"><link rel=stylesheet href=//example.com/x.css>`,
	"control":           "\x00\x01\x07\x08\x0b\x0c\r\x1b[31m\x7f\u0085\u009b",
	"bidi":              "\u202e\u2066\u2067\u202dfdp.exe\u200e\u200f\u061c",
	"right to left":     "תרגיל שחזור \"בדיקה\" <b>",
	"unseen":            "\ufeff\u200b\u2028\u2029\u2060\ue000\ufffe\U000e0041",
	"not UTF-8":         "\xff\xfe\xc0\xaf",
	"lines":             "one\ntwo\n\n\tthree",
	"long":              strings.Repeat("W", 2_000),
	"long with spaces":  strings.Repeat("word <b> ", 500),
	"emoji":             "👩\u200d🚒 ✓ pass",
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	harmless, _ := filled("")
	page, err := HTML(harmless)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := examine(t, page)
	for name, payload := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, _ := filled(payload)
			page, err := HTML(d)
			if err != nil {
				t.Fatal(err)
			}
			got, text := examine(t, page)
			if got != want {
				t.Errorf("a text changes the page's elements:\n%s", cmp.Diff(want, got))
			}
			if strings.Contains(string(page), secretValue) {
				t.Error("the page shows a secret")
			}
			// A browser could not be given a NUL, and the template has none.
			seen := string(visible([]byte(strings.ReplaceAll(payload, "\x00", "\ufffd"))))
			if !strings.Contains(text, seen) {
				t.Errorf("the text is not shown as it is: %.200q", seen)
			}
			asJSON, err := JSON(d)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(asJSON), secretValue) {
				t.Error("the JSON shows a secret")
			}
			var again Drill
			if err := json.Unmarshal(asJSON, &again); err != nil {
				t.Error(err)
			}
		})
	}
}

// notShown are the members that the page has no place for: the plan as it was
// configured beyond what people have to know of it (the record has it), and the
// body of the ledger's entry, which sums up the record. The steps of a surface
// are told as that surface's.
var notShown = []string{
	".Record.Plan.Points", ".Record.Plan.Sanitize", ".Record.Plan.Start", ".Record.Plan.Checks", ".Record.Plan.Reconcile", ".Record.Plan.Steps",
	".Record.Plan.Kind", ".Proof.Record.Subject", ".Proof.Record.Warnings",
	// What stands in the record, too.
	".Standing[0].Code", ".Standing[0].Subject", ".Standing[0].Cause", ".Standing[0].Found", ".Standing[0].Seen",
	".Standing[1].Code", ".Standing[1].Subject", ".Standing[1].Cause", ".Standing[1].Found", ".Standing[1].Seen",
	".Record.Surfaces[0].Steps[0].Surface", ".Record.Surfaces[0].Steps[1].Surface", ".Record.Surfaces[1].Steps[0].Surface", ".Record.Surfaces[1].Steps[1].Surface",
}

func TestEveryFactIsShown(t *testing.T) {
	t.Parallel()
	d, marks := filled("")
	page, err := HTML(d)
	if err != nil {
		t.Fatal(err)
	}
	_, text := examine(t, page)
	for path, mark := range marks {
		shown := strings.Contains(text, mark)
		exempt := false
		for _, prefix := range notShown {
			exempt = exempt || strings.HasPrefix(path, prefix)
		}
		if shown == exempt {
			t.Errorf("%s: shown %v, and it should be %v", path, shown, !exempt)
		}
	}
	// The checklist is that of a tabletop.
	d.Record.Kind = drill.Tabletop
	if page, err = HTML(d); err != nil {
		t.Fatal(err)
	}
	_, text = examine(t, page)
	for path, mark := range marks {
		if strings.HasPrefix(path, ".Record.Plan.Steps") && !strings.Contains(text, mark) {
			t.Errorf("%s is not shown for a tabletop", path)
		}
	}
}
