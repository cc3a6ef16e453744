package kubernetes

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// pathList gathers paths of fields, without any of their values.
type pathList []string

func (p *pathList) add(path string) {
	if path != "" && !slices.Contains(*p, path) {
		*p = append(*p, path)
	}
}

// sorted are the first ones, in order.
func (p *pathList) sorted() []string {
	slices.Sort(*p)
	if len(*p) > mostFields {
		*p = (*p)[:mostFields]
	}
	return *p
}

// compare adds the paths at which two values differ.
func (p *pathList) compare(path string, a, b any) {
	mapA, isA := a.(map[string]any)
	mapB, isB := b.(map[string]any)
	listA, isListA := a.([]any)
	listB, isListB := b.([]any)
	switch {
	case isA && isB:
		for name, value := range mapA {
			p.compare(below(path, name), value, mapB[name])
		}
		for name, value := range mapB {
			if _, known := mapA[name]; !known {
				p.compare(below(path, name), nil, value)
			}
		}
	case isListA && isListB:
		for i := range max(len(listA), len(listB)) {
			p.compare(fmt.Sprintf("%s[%d]", path, i), at(listA, i), at(listB, i))
		}
	case !reflect.DeepEqual(a, b):
		p.add(path)
	}
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// below is the path of a field; names that are no identifiers stand in brackets.
func below(path, name string) string {
	switch {
	case strings.ContainsAny(name, "./[]\" "):
		return fmt.Sprintf("%s[%q]", path, name)
	case path == "":
		return name
	default:
		return path + "." + name
	}
}
