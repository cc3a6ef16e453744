package config

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func (d *planValidator) sanitize() {
	var names []string
	for i, s := range d.p.Sanitize {
		path := index(d.path, "sanitize", i)
		names = d.stepName(path, s.Name, names)
		d.surface(path, s.Surface, surface.KindPostgres)
		if strings.TrimSpace(s.SQL) == "" {
			d.refuse(path, "%s.sql is missing", path)
		}
	}
}

func (d *planValidator) start() {
	var names []string
	for i, s := range d.p.Start {
		path := index(d.path, "start", i)
		names = d.stepName(path, s.Name, names)
		// It names a file, too.
		if !validName(s.Name) {
			d.refuse(path+".name", "%s.name %q must be letters, digits, \"-\" and \"_\", beginning with a letter or digit, at most 63", path, s.Name)
		}
		if len(s.Command) == 0 || s.Command[0] == "" {
			d.refuse(path+".command", "%s.command is missing: the program and its arguments, as a list", path)
		} else if program := s.Command[0]; strings.Contains(program, "/") && !filepath.IsAbs(program) && !strings.Contains(program, "{{") {
			d.refuse(path+".command", "%s.command must begin with an absolute path, or with a name to look for in PATH, not with %q", path, program)
		}
		for _, name := range sorted(s.Env) {
			if !isVariable(name) {
				d.refuse(path+".env."+name, "%s.env: %q can't be the name of a variable", path, name)
			}
		}
		if s.Dir != "" && !filepath.IsAbs(s.Dir) {
			d.refuse(path+".dir", "%s.dir %q must be an absolute path", path, s.Dir)
		}
		if s.Ready != "" && s.Once {
			d.refuse(path+".ready", "%s.ready means nothing with once: true, which waits for the program's end", path)
		} else if s.Ready != "" && !strings.Contains(s.Ready, "{{") {
			if problem := hostPort(s.Ready); problem != "" {
				d.refuse(path+".ready", "%s.ready %s", path, problem)
			}
		}
		d.placeholders(reflect.ValueOf(s), path)
		d.arguments(path, s.Command)
	}
}

// arguments refuses passwords among the arguments of a program, which every user
// of its host can see.
func (d *planValidator) arguments(path string, command []string) {
	for i, word := range command {
		for _, found := range placeholder.FindAllStringSubmatch(word, -1) {
			if _, field, _ := strings.Cut(found[1], "."); d.placeholder(found[1]) == "" && (field == "password" || field == "url") {
				at := index(path, "command", i)
				d.refuse(at, "%s: %s has a password in it, and every user of the host sees the arguments of a program: put it under env, and let the program read it there",
					at, found[0])
			}
		}
	}
}

func (d *planValidator) checks() {
	var names []string
	for i, c := range d.p.Checks {
		path := index(d.path, "checks", i)
		names = d.stepName(path, c.Name, names)
		d.problems(path, c.Problems())
		if c.Surface != "" {
			d.surface(path, c.Surface, askedKinds[c.Kind]...)
		}
		for _, name := range slices.Concat(sorted(c.Headers), sorted(c.ExpectHeaders)) {
			if !headerName.MatchString(name) {
				d.refuse(path, "%s: %q can't be the name of a header", path, name)
			}
		}
		for _, name := range sorted(c.Env) {
			if !isVariable(name) {
				d.refuse(path+".env."+name, "%s.env: %q can't be the name of a variable", path, name)
			}
		}
		d.placeholders(reflect.ValueOf(c), path)
		if c.Kind == drill.CheckCommand {
			d.arguments(path, c.Command)
		}
	}
	for i, r := range d.p.Reconcile {
		names = d.stepName(index(d.path, "reconcile", i), r.Name, names)
	}
}

// askedKinds are the kinds of surfaces that kinds of checks and reconciliations need.
var askedKinds = map[string][]string{
	drill.CheckSQL:           {surface.KindPostgres},
	drill.CheckRedis:         {surface.KindRedis},
	drill.CheckKubernetes:    {surface.KindKubernetes, surface.KindVelero},
	drill.ReconcileQuery:     {surface.KindPostgres, surface.KindRedis},
	drill.ReconcileObjects:   {surface.KindPostgres},
	drill.ReconcileChain:     {surface.KindPostgres},
	drill.ReconcileHelm:      {surface.KindGit},
	drill.ReconcileTelemetry: {surface.KindTelemetry},
}

// headerName is what RFC 9110 takes for the name of a header.
var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

func (d *planValidator) reconcile() {
	for i, r := range d.p.Reconcile {
		path := index(d.path, "reconcile", i)
		d.problems(path, r.Problems())
		if r.Surface != "" {
			d.surface(path, r.Surface, askedKinds[r.Kind]...)
		}
		if r.With != nil && r.With.Surface != "" {
			d.surface(path+".with", r.With.Surface, surface.KindPostgres, surface.KindRedis)
		}
		d.store(path, r.Store)
	}
}

// stepName checks a step's name against those before it, and returns them with it.
func (d *planValidator) stepName(path, name string, before []string) []string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(name) > 100 {
		d.refuse(path+".name", "%s.name must be at most 100 bytes, without control characters", path)
	} else if slices.Contains(before, name) {
		d.refuse(path+".name", "%s.name %q is there twice", path, name)
	}
	return append(before, name)
}

// problems tells what a step says is wrong with it: each begins with the field.
func (d *planValidator) problems(path string, problems []string) {
	for _, problem := range problems {
		field, _, _ := strings.Cut(problem, " ")
		d.refuse(path+"."+elements.Replace(field), "%s.%s", path, problem)
	}
}

// elements writes contracts[0].address as origins have it.
var elements = strings.NewReplacer("[", ".", "]", "")

// placeholder is {{NAME}} as a drill will expand it: NAME begins with a letter
// or a digit, so that the templates of other programs ({{.State}}) are none.
var placeholder = regexp.MustCompile(`\{\{\s*([A-Za-z0-9][^{}]*?)\s*\}\}`)

// restoredFields are what is known of a restored surface, by its kind.
var restoredFields = map[string][]string{
	surface.KindPostgres:   {"url", "host", "port", "address", "user", "password", "database"},
	surface.KindRedis:      {"url", "host", "port", "address", "user", "password", "database"},
	surface.KindKubernetes: {"namespace", "kubeconfig", "context"},
	surface.KindVelero:     {"namespace", "kubeconfig", "context"},
	surface.KindTelemetry:  {"url", "host", "port", "address", "user", "password"},
	surface.KindObjects:    {"url"},
	surface.KindGit:        {"url", "path"},
}

// placeholders checks those of every text in a step.
func (d *planValidator) placeholders(step reflect.Value, path string) {
	eachText(step, path, func(at, text string, hidden bool) {
		for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
			problem := d.placeholder(found[1])
			switch {
			case problem == "":
			case hidden:
				d.refuse(at, "%s: a placeholder names %s", at, problem)
			default:
				d.refuse(at, "%s: the placeholder %s names %s", at, found[0], problem)
			}
		}
	})
}

// placeholder says what is wrong with the name in one, or nothing.
func (d *planValidator) placeholder(name string) string {
	of, field, _ := strings.Cut(name, ".")
	fields := restoredFields[d.c.Surfaces[of].Kind]
	// Of several namespaces one is named: {{shop.namespace.payments}}.
	field, _, _ = strings.Cut(field, ".")
	switch {
	case name == "drill.id":
		return ""
	case !slices.Contains(d.p.Surfaces, of):
		return "nothing that is restored: there is {{drill.id}}, and {{SURFACE.FIELD}} of " + listed(d.p.Surfaces)
	case len(fields) == 0:
		// A surface of no known kind is refused by itself.
		return ""
	case !slices.Contains(fields, field):
		return "no field of a surface: there is " + strings.Join(fields, ", ")
	default:
		return ""
	}
}

// eachText calls do for every text in a value, with its path and whether it is a secret.
func eachText(v reflect.Value, path string, do func(path, text string, hidden bool)) {
	switch v.Kind() {
	case reflect.String:
		do(path, v.String(), v.Type() == reflect.TypeFor[secret.String]())
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			eachText(v.Field(i), path+"."+name, do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachText(v.Index(i), join(path, strconv.Itoa(i)), do)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			eachText(v.MapIndex(key), join(path, key.String()), do)
		}
	}
}
