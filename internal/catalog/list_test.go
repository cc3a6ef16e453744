package catalog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

var templates = []string{
	"points", "a/b/c", "altcha-sentinel-backups/db/${iso_date()}", "db-${iso_date()}/x/${iso_datetime()}", "${iso_datetime()}",
}

// ids makes n random IDs, dense towards now, as a schedule with retention leaves them.
func ids(rng *rand.Rand, n int) []string {
	out := make([]string, n)
	for i := range out {
		age := time.Duration(rng.Int64N(int64(3 * 365 * 24 * time.Hour)))
		out[i] = archive.NewID(time.Now().Add(-age >> rng.IntN(14)))
	}
	return out
}

func names(points []Point) []string {
	out := make([]string, len(points))
	for i, p := range points {
		out[i] = p.ID + " " + p.Surface + " " + p.Store + fmt.Sprint(p.Copies)
	}
	return out
}

// Every query must give what a full listing, filtered and cut, gives.
func TestListGivesWhatThereIs(t *testing.T) {
	t.Parallel()
	for i, template := range templates {
		t.Run(template, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			first, second, m := newSpy(t), newSpy(t), model(t)
			second.descends = true
			type key struct{ id, surface string }
			where := make(map[key][]string)
			count := 1500
			if strings.Contains(template, "datetime") {
				count = 150
			}
			for _, id := range ids(rng, count) {
				k := key{id, []string{"main", "redis", "other"}[rng.IntN(3)]}
				at, _ := archive.ParseID(id)
				prefix, err := ExpandPrefix(template, at)
				if err != nil {
					t.Fatal(err)
				}
				switch rng.IntN(5) {
				case 0:
					// A folder without a manifest: a point in the making, or abandoned.
					first.write(t, archive.Dir(prefix, k.surface, id)+"/t-0001.sql.zst", []byte("x"))
				case 1:
					second.add(t, m, template, k.surface, id)
					where[k] = []string{"second"}
				case 2:
					second.add(t, m, template, k.surface, id)
					fallthrough
				default:
					first.add(t, m, template, k.surface, id)
					where[k] = append([]string{"first"}, where[k]...)
				}
			}
			for k := range where {
				where[k] = where[k][:1]
				at, _ := archive.ParseID(k.id)
				prefix, _ := ExpandPrefix(template, at)
				if _, err := second.Stat(t.Context(), archive.Dir(prefix, k.surface, k.id)+"/"+archive.ManifestName); err == nil && where[k][0] == "first" {
					where[k] = append(where[k], "second")
				}
			}
			// What isn't a point must not disturb.
			first.write(t, StaticPrefix(template)+"README", []byte("x"))
			first.write(t, StaticPrefix(template)+"zzz/not-an-id/file", []byte("x"))
			c := New([]Named{{"first", first, template}, {"second", second, template}})
			want := func(q Query) []string {
				var out []string
				for k, stores := range where {
					if q.Store != "" {
						if !slices.Contains(stores, q.Store) {
							continue
						}
						stores = []string{q.Store}
					}
					if (q.Surface == "" || q.Surface == k.surface) && (q.Before == "" || k.id < q.Before) {
						out = append(out, k.id+" "+k.surface+" "+stores[0]+fmt.Sprint(stores[1:]))
					}
				}
				slices.Sort(out)
				slices.Reverse(out)
				if q.Limit > 0 && len(out) > q.Limit {
					out = out[:q.Limit]
				}
				return out
			}
			queries := []Query{{}, {Surface: "main"}, {Store: "second"}, {Surface: "nowhere"}, {Limit: 1}}
			all := ids(rng, 40)
			for range 25 {
				q := Query{Limit: rng.IntN(60), Surface: []string{"", "main", "redis"}[rng.IntN(3)], Store: []string{"", "", "first"}[rng.IntN(3)]}
				if rng.IntN(3) > 0 {
					q.Before = all[rng.IntN(len(all))]
				}
				queries = append(queries, q)
			}
			for _, q := range queries {
				got, err := c.List(t.Context(), q)
				if diff := cmp.Diff(want(q), names(got), cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); err != nil || diff != "" {
					t.Fatalf("%+v: %v; -want +got:\n%s", q, err, diff)
				}
			}
		})
	}
}

// More points than a page of names has: windows of every length are listed,
// and every point is seen once.
func TestListPages(t *testing.T) {
	t.Parallel()
	s, m := newSpy(t), model(t)
	rng := rand.New(rand.NewPCG(4, 4))
	want := ids(rng, 500)
	for range 2*pageOfNames - len(want) {
		want = append(want, archive.NewID(time.Now().Add(-time.Duration(rng.Int64N(int64(3*365*24*time.Hour))))))
	}
	for _, id := range want {
		s.add(t, m, "points", "main", id)
	}
	slices.Sort(want)
	slices.Reverse(want)
	c := New([]Named{{"s", s, "points"}})
	for _, size := range []int{0, 170, 1500} {
		var got []string
		for before := ""; ; before = got[len(got)-1] {
			page, err := c.List(t.Context(), Query{Limit: size, Before: before})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, p := range page {
				got = append(got, p.ID+strings.Join(p.Copies, ","))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pages of %d: -want +got:\n%s", size, diff)
		}
	}
}

// What is listed and read must depend on the limit, not on how much is stored.
func TestListCost(t *testing.T) {
	t.Parallel()
	for _, descends := range []bool{false, true} {
		// A store that lists in ascending order gives a page from its beginning, too.
		names := 50 + 3*readers
		if !descends {
			names = pageOfNames + 500
		}
		t.Run(fmt.Sprintf("descends=%v", descends), func(t *testing.T) {
			t.Parallel()
			listCost(t, descends, int64(names))
		})
	}
}

func listCost(t *testing.T, descends bool, names int64) {
	s, m := newSpy(t), model(t)
	s.descends = descends
	cost := make(map[int][2]int64)
	stored := 0
	for _, n := range []int{2_000, 6_000} {
		for ; stored < n; stored++ {
			// The older ones have a folder only: what is read of them would be seen.
			id := archive.NewID(time.Now().Add(-time.Duration(stored) * time.Hour))
			if stored < 200 {
				s.add(t, m, "points", "main", id)
			} else {
				s.write(t, "points/main/"+id+"/part", nil)
			}
		}
		s.reset()
		got, err := New([]Named{{"s", s, "points"}}).List(t.Context(), Query{Limit: 50})
		if err != nil || len(got) != 50 {
			t.Fatalf("%d points, %v", len(got), err)
		}
		cost[n] = [2]int64{s.listed.Load(), s.opened.Load()}
	}
	if cost[2_000] != cost[6_000] {
		t.Errorf("names listed and objects opened: %v of 2,000 points, %v of 6,000; want the same", cost[2_000], cost[6_000])
	}
	if c := cost[6_000]; c[0] > names || c[1] > 3*50+3*readers {
		t.Errorf("for 50 points %d names were listed and %d objects opened", c[0], c[1])
	}
}

func TestListWithAFailingStore(t *testing.T) {
	t.Parallel()
	m := model(t)
	good, bad := newSpy(t), newSpy(t)
	for i := range 5 {
		id := archive.NewID(time.Now().Add(-time.Duration(i) * time.Hour))
		good.add(t, m, "points", "main", id)
		bad.add(t, m, "points", "main", id)
	}
	bad.failing = fault.Wrap(fault.Unavailable, errors.New("connection refused"), "asking")
	for _, at := range []string{"points/", "points/main/", "manifest.json", VerifiedName} {
		bad.at = at
		got, err := New([]Named{{"bad", bad, "points"}, {"good", good, "points"}}).List(t.Context(), Query{Limit: 3})
		if !fault.Is(err, fault.Unavailable) || !strings.HasPrefix(err.Error(), `store "bad": `) {
			t.Errorf("failing at %s: %v, want unavailable", at, err)
		}
		if len(got) != 3 || got[0].Store != "good" {
			t.Errorf("failing at %s: %v; want three points of the good store", at, names(got))
		}
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	c := New([]Named{{"s", newSpy(t), "points"}})
	if _, err := c.List(t.Context(), Query{Store: "x"}); !fault.Is(err, fault.Missing) {
		t.Errorf("unknown store: %v, want missing", err)
	}
	if _, err := c.List(t.Context(), Query{Before: "yesterday"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("before what is no ID: %v, want invalid", err)
	}
	if got, err := c.List(t.Context(), Query{}); err != nil || len(got) != 0 {
		t.Errorf("an empty store: %v, %v", got, err)
	}
	bad := New([]Named{{"s", newSpy(t), "points/${uuid()}"}})
	if _, err := bad.List(t.Context(), Query{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("unknown function: %v, want invalid", err)
	}
}

func BenchmarkList(b *testing.B) {
	s, m := newSpy(b), model(b)
	for i := range 10_000 {
		s.add(b, m, "points", fmt.Sprintf("surface-%d", i%4), archive.NewID(time.Now().Add(-time.Duration(i)*time.Hour)))
	}
	c := New([]Named{{"s", s, "points"}})
	for _, limit := range []int{50, 1000, 0} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			for b.Loop() {
				points, err := c.List(b.Context(), Query{Limit: limit})
				if err != nil || len(points) < limit {
					b.Fatal(len(points), err)
				}
			}
		})
	}
}
