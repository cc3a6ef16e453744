package kubernetes

import "slices"

// fieldsOf is the map at a path. There is none where the path leads to something
// else: then it is nil, in which nothing is found and from which everything can be deleted.
func fieldsOf(body map[string]any, path ...string) map[string]any {
	for _, name := range path {
		body, _ = body[name].(map[string]any)
	}
	return body
}

// mapsOf are the maps in the list at a path.
func mapsOf(body map[string]any, path ...string) []map[string]any {
	last := len(path) - 1
	list, _ := fieldsOf(body, path[:last]...)[path[last]].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, one := range list {
		if m, ok := one.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// drop deletes members.
func drop(body map[string]any, names ...string) {
	for _, name := range names {
		delete(body, name)
	}
}

// keep leaves of a list the maps that are wanted; a list of which nothing is
// left is deleted.
func keep(body map[string]any, name string, wanted func(map[string]any) bool) {
	list, ok := body[name].([]any)
	if !ok {
		return
	}
	list = slices.DeleteFunc(list, func(one any) bool {
		m, isMap := one.(map[string]any)
		return isMap && !wanted(m)
	})
	if len(list) == 0 {
		delete(body, name)
		return
	}
	body[name] = list
}
