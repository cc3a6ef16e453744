package reconcile

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// parseValues reads a file of values as Helm does: YAML 1.1 by way of JSON, in
// which yes is true. Errors are fault.Invalid, and repeat nothing of the file
// but a number of a line.
func parseValues(text []byte) (map[string]any, error) {
	var out map[string]any
	useNumber := func(d *json.Decoder) *json.Decoder { d.UseNumber(); return d }
	if err := yaml.Unmarshal(text, &out, useNumber); err != nil {
		where := line.FindString(err.Error())
		return nil, fault.New(fault.Invalid, "it is no YAML with a map of values%s", where)
	}
	return out, nil
}

// line is how the parser says where it failed; what follows may be a value.
var line = regexp.MustCompile(` line [0-9]+`)

// mergeValues merges maps as Helm merges its --values: what comes later wins,
// maps are merged, lists are replaced, and null is a value.
func mergeValues(into, from map[string]any) map[string]any {
	out := make(map[string]any, len(into)+len(from))
	maps.Copy(out, into)
	for key, value := range from {
		newer, isMap := value.(map[string]any)
		older, wasMap := out[key].(map[string]any)
		if isMap && wasMap {
			value = mergeValues(older, newer)
		}
		out[key] = value
	}
	return out
}

// flatten lists every value by its path, as Helm's --set has it: a.b, hosts[0].
// A dot in a key is \. there. A map or list with nothing in it is a value.
func flatten(values map[string]any) map[string]any {
	out := map[string]any{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, inner := range v {
				name := strings.NewReplacer(`\`, `\\`, ".", `\.`, "[", `\[`).Replace(key)
				if path != "" {
					name = path + "." + name
				}
				walk(name, inner)
			}
			if len(v) > 0 || path == "" {
				return
			}
		case []any:
			for i, inner := range v {
				walk(path+"["+strconv.Itoa(i)+"]", inner)
			}
			if len(v) > 0 {
				return
			}
		}
		out[path] = value
	}
	walk("", values)
	return out
}

// drift is how values on a cluster differ from those in Git, by their paths, in order.
type drift struct {
	// differing are in both, extra on the cluster alone, missing in Git alone.
	differing, extra, missing []string
	equal                     int
	// ignored were left out, unused are exceptions that nothing fits.
	ignored, unused []string
}

// compareValues compares the values in Git with those of a release. Values are not in what it returns.
func compareValues(inGit, onCluster map[string]any, ignore []string) drift {
	git, live := flatten(inGit), flatten(onCluster)
	var d drift
	used := map[string]bool{}
	excepted := func(path string) bool {
		for _, one := range ignore {
			rest, below := strings.CutPrefix(path, one)
			if below && (rest == "" || rest[0] == '.' || rest[0] == '[') {
				used[one] = true
				return true
			}
		}
		return false
	}
	for path, value := range live {
		expected, inGit := git[path]
		switch {
		case excepted(path):
			d.ignored = append(d.ignored, path)
		case !inGit:
			d.extra = append(d.extra, path)
		case equalValues(expected, value):
			d.equal++
		default:
			d.differing = append(d.differing, path)
		}
	}
	for path := range git {
		if _, there := live[path]; there {
			continue
		}
		if excepted(path) {
			d.ignored = append(d.ignored, path)
		} else {
			d.missing = append(d.missing, path)
		}
	}
	for _, one := range ignore {
		if !used[one] {
			d.unused = append(d.unused, one)
		}
	}
	for _, paths := range [][]string{d.differing, d.extra, d.missing, d.ignored} {
		slices.Sort(paths)
	}
	return d
}

// equalValues compares two values that hold no others.
func equalValues(inGit, onCluster any) bool {
	switch a := inGit.(type) {
	case json.Number:
		b, ok := onCluster.(json.Number)
		return ok && equalNumbers(a.String(), b.String())
	case map[string]any:
		_, ok := onCluster.(map[string]any)
		return ok
	case []any:
		_, ok := onCluster.([]any)
		return ok
	default:
		switch onCluster.(type) {
		case map[string]any, []any:
			return false
		}
		return inGit == onCluster
	}
}

// mostExact is up to where a float64 holds every whole number.
const mostExact = 1 << 53

// equalNumbers compares numbers as Helm keeps them: of one that a float64 can't
// hold, it may have kept what a float64 makes of it.
func equalNumbers(inGit, onCluster string) bool {
	if inGit == onCluster {
		return true
	}
	a, errA := strconv.ParseFloat(inGit, 64)
	b, errB := strconv.ParseFloat(onCluster, 64)
	if errA != nil || errB != nil || a != b {
		return false
	}
	if math.Abs(a) <= mostExact {
		return true
	}
	rounded, err := json.Marshal(a)
	return err == nil && (string(rounded) == onCluster || strconv.FormatFloat(a, 'f', -1, 64) == onCluster)
}
