// Package architecture checks what no single package can: who imports whom by
// however many steps, and that the files around the code fit it.
// The linter's rules see direct imports only.
package architecture

import (
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lifeboat-dr/lifeboat"

// What only few may reach.
const (
	temporal       = "go.temporal.io"
	temporalServer = "go.temporal.io/server"
	webUI          = "github.com/temporalio/ui-server"
	echo           = "github.com/labstack/echo"
	kubernetes     = "k8s.io"
	clientGo       = "k8s.io/client-go"
)

// rule says what the packages under any of its rooms must not reach. Rooms and
// what starts with "./" are within this module; "./internal/store/" with its
// slash means the implementations and not the interface.
type rule struct {
	rooms []string
	never []string
}

var rules = []rule{
	{
		rooms: []string{"internal/store"},
		never: []string{"./internal/surface", "./internal/archive", "./internal/catalog", temporal, echo},
	},
	{
		rooms: []string{"internal/surface"},
		never: []string{"./internal/store", "./internal/archive", "./internal/catalog", temporal, echo},
	},
	{
		rooms: []string{"internal/cloud", "internal/transport"},
		never: []string{"./internal/store", "./internal/surface", "./internal/managed", "./internal/config", temporal, echo, kubernetes},
	},
	{
		rooms: []string{"internal/archive", "internal/catalog", "internal/seal", "internal/environment", "internal/config"},
		never: []string{"./internal/store/", "./internal/surface/", "./activities", "./workflows", temporal, echo},
	},
	{
		rooms: []string{
			"internal/chain", "internal/check", "internal/reconcile", "internal/fence", "internal/gitfile", "internal/evidence",
		},
		never: []string{
			"./internal/store/", "./internal/surface/", "./internal/archive", "./internal/config", "./activities", "./workflows", "./apiserver", "./worker",
			temporal, echo,
		},
	},
	{
		rooms: []string{"internal/config"},
		never: []string{clientGo, "./internal/environment/", "./internal/managed/", "./internal/cluster/"},
	},
	{
		rooms: []string{"internal/chain", "internal/fence", "internal/gitfile", "internal/evidence"},
		never: []string{kubernetes},
	},
	{
		rooms: []string{"activities"},
		never: []string{"./internal/store/", "./internal/surface/", "./workflows", "./apiserver", "./worker", temporalServer, echo},
	},
	{
		rooms: []string{"workflows"},
		never: []string{"./internal/store/", "./internal/surface/", "./apiserver", "./worker", temporalServer, echo},
	},
	{
		rooms: []string{"apiserver"},
		never: []string{"./internal/store/", "./internal/surface/", "./internal/engine", "./worker", temporalServer, webUI},
	},
	{
		rooms: []string{"worker"},
		never: []string{"./apiserver", "./internal/engine", temporalServer, webUI, echo},
	},
}

// pure are the packages that reach nothing but the standard library and each other.
var pure = []string{"internal/fault", "internal/secret", "internal/catalog/retention", "internal/drill"}

// breaches lists the chains of imports that break a rule.
func breaches(g graph, rules []rule, pure []string) []string {
	var found []string
	add := func(pkg string, match func(string) bool) {
		if chain := g.path(pkg, match); chain != nil {
			found = append(found, strings.ReplaceAll(strings.Join(chain, " → "), module+"/", ""))
		}
	}
	for pkg := range g {
		for _, r := range rules {
			if !inRooms(pkg, r.rooms) {
				continue
			}
			for _, never := range r.never {
				add(pkg, forbids(never))
			}
		}
		if inRooms(pkg, pure) {
			add(pkg, func(to string) bool { return !standard(to) && !inRooms(to, pure) })
		}
	}
	// Implementations never meet: they are what the list of all of them imports.
	for _, list := range []string{"internal/store/all", "internal/surface/all"} {
		implementation := func(pkg string) bool {
			return path.Dir(pkg) == module+"/"+path.Dir(list) && slices.Contains(g[module+"/"+list], pkg)
		}
		for pkg := range g {
			if implementation(pkg) {
				add(pkg, implementation)
			}
		}
	}
	return found
}

func inRooms(pkg string, rooms []string) bool {
	for _, room := range rooms {
		if under(pkg, module+"/"+room) {
			return true
		}
	}
	return false
}

// forbids turns an entry of rule.never into a test of an import path.
func forbids(never string) func(string) bool {
	top := never
	if local, ok := strings.CutPrefix(never, "./"); ok {
		top = module + "/" + local
	}
	if strings.HasSuffix(top, "/") {
		return func(to string) bool { return strings.HasPrefix(to, top) }
	}
	return func(to string) bool { return under(to, top) }
}

func TestNobodyReachesWhatTheyMustNot(t *testing.T) {
	t.Parallel()
	for _, breach := range breaches(load(t, "./..."), rules, pure) {
		t.Error(breach)
	}
}

func TestSlimBinaryHasNoServer(t *testing.T) {
	t.Parallel()
	g := load(t, "-tags", "slim", "./cmd/lifeboat")
	if len(g[module+"/cmd/lifeboat"]) == 0 {
		t.Fatal("cmd/lifeboat imports nothing: it isn't there, or doesn't build with the tag")
	}
	for _, top := range []string{temporalServer, webUI} {
		if chain := g.path(module+"/cmd/lifeboat", forbids(top)); chain != nil {
			t.Error(strings.Join(chain, " → "))
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	nothing := map[string]bool{
		"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "misc": true, "shared": true, "base": true, "lib": true,
	}
	for pkg := range load(t, "./...") {
		if under(pkg, module) && nothing[path.Base(pkg)] {
			t.Errorf("%s: a package is named for what it is about", pkg)
		}
	}
}

func TestBreachesAreFound(t *testing.T) {
	t.Parallel()
	m := func(p string) string { return module + "/" + p }
	cases := map[string]struct {
		imports graph
		want    string
	}{
		"direct":            {graph{m("apiserver"): {m("internal/engine")}}, "apiserver → internal/engine"},
		"by two steps":      {graph{m("worker"): {"a.example/x"}, "a.example/x": {echo + "/v4"}}, "worker → a.example/x → github.com/labstack/echo/v4"},
		"an implementation": {graph{m("activities"): {m("internal/store/s3")}}, "activities → internal/store/s3"},
		"the interface":     {graph{m("activities"): {m("internal/store")}}, ""},
		"a sibling": {
			graph{
				m("internal/store/all"): {m("internal/store/s3"), m("internal/store/gcs")},
				m("internal/store/s3"):  {m("internal/store/gcs")},
				m("internal/store/gcs"): {m("internal/store/keyspace")},
			},
			"internal/store/s3 → internal/store/gcs",
		},
		"the list":      {graph{m("internal/store/all"): {m("internal/store/gcs")}}, ""},
		"the suite":     {graph{m("internal/store/s3"): {m("internal/store/storetest")}}, ""},
		"not pure":      {graph{m("internal/fault"): {"a.example/x"}}, "internal/fault → a.example/x"},
		"pure":          {graph{m("internal/fault"): {"net/http"}}, ""},
		"pure, of pure": {graph{m("internal/drill"): {m("internal/secret")}}, ""},
		"evidence":      {graph{m("internal/evidence/drills"): {m("internal/store/s3")}}, "internal/evidence/drills → internal/store/s3"},
		"a circle":      {graph{m("worker"): {"a.example/x"}, "a.example/x": {m("worker")}}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(breaches(c.imports, rules, pure), "; ")
			if got != c.want {
				t.Errorf("breaches: %q, want %q", got, c.want)
			}
		})
	}
}
