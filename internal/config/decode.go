package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds how many values a file may hold once its aliases are followed.
const maxNodes = 20_000

// decoder fills a Config from a YAML document. It is stricter than the yaml
// package's own decoding, names the line of every problem, expands variables
// inside scalars after parsing (so that a value can never become structure),
// and never repeats a value in a message, since it may be a secret.
type decoder struct {
	env      environment
	file     string
	problems *problems
	origins  origins
	written  map[string]writtenText
	nodes    int
}

func (d *decoder) at(line int) string { return fmt.Sprintf("%s:%d", d.file, line) }

func (d *decoder) refuse(node *yaml.Node, format string, args ...any) {
	d.problems.add(d.at(node.Line), format, args...)
}

// value sets v from node. Path names it in messages and origins.
func (d *decoder) value(node *yaml.Node, v reflect.Value, path string) {
	if d.nodes++; d.nodes == maxNodes {
		d.refuse(node, "more than %d values, aliases included", maxNodes)
	}
	if d.nodes >= maxNodes {
		return
	}
	d.origins[path] = d.at(node.Line)
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.text(node, text, path)
		return
	}
	if length, ok := reflect.TypeAssert[*time.Duration](v.Addr()); ok {
		d.text(node, (*Duration)(length), path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if isNull(node) {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		d.value(node, v.Elem(), path)
	case reflect.Struct:
		d.structure(node, v, path)
	case reflect.Map:
		d.names(node, v, path)
	case reflect.Slice:
		d.list(node, v, path)
	default:
		d.scalar(node, v, path)
	}
}

func (d *decoder) structure(node *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v)
	d.entries(node, path, func(key, value *yaml.Node, child string) {
		if field, known := fields[key.Value]; known {
			d.value(value, field, child)
			return
		}
		d.unknown(key, path, fields)
	})
}

// fieldsOf are the fields of a structure, and of those inlined in it, by their keys.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		switch name, options, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); {
		case options == "inline":
			maps.Copy(fields, fieldsOf(v.Field(i)))
		case name != "" && name != "-":
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// unknown refuses a key, and says which there are.
func (d *decoder) unknown(key *yaml.Node, path string, fields map[string]reflect.Value) {
	if key.Value == "<<" {
		d.refuse(key, "merge keys (<<) are not supported")
		return
	}
	known := slices.Sorted(maps.Keys(fields))
	where := ""
	if path != "" {
		where = " in " + path
	}
	d.refuse(key, "unknown key %q%s; known are %s", key.Value, where, strings.Join(known, ", "))
}

// names fills a map. Its keys are names chosen by the user, unless its values
// are texts: then they are names of something else, such as HTTP headers, which
// have rules of their own.
func (d *decoder) names(node *yaml.Node, v reflect.Value, path string) {
	out := reflect.MakeMap(v.Type())
	chosen := v.Type().Elem().Kind() != reflect.String
	d.entries(node, path, func(key, value *yaml.Node, child string) {
		if chosen && !validName(key.Value) {
			d.refuse(key, "%q in %s is not a usable name: letters, digits, \"-\" and \"_\", "+
				"beginning with a letter or digit, at most 63", key.Value, path)
			return
		}
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(value, element, child)
		out.SetMapIndex(reflect.ValueOf(key.Value), element)
	})
	v.Set(out)
}

// entries calls do for every key of a mapping, duplicates refused. A null is an empty mapping.
func (d *decoder) entries(node *yaml.Node, path string, do func(key, value *yaml.Node, child string)) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		d.refuse(node, "%s must be a mapping of keys to values", label(path))
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.refuse(key, "a key in %s is not a plain word", label(path))
			continue
		}
		key.Value = unmark.Replace(key.Value)
		if line, twice := seen[key.Value]; twice {
			d.refuse(key, "the key %q is there twice, also in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		do(key, value, join(path, key.Value))
	}
}

func (d *decoder) list(node *yaml.Node, v reflect.Value, path string) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.SequenceNode {
		d.refuse(node, "%s must be a list", label(path))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
	for i, element := range node.Content {
		d.value(element, out.Index(i), join(path, strconv.Itoa(i)))
	}
	v.Set(out)
}

// single returns the text of a plain value with its variables expanded; found is
// false for a null, and for what was refused.
func (d *decoder) single(node *yaml.Node, path string) (text string, found bool) {
	if isNull(node) {
		return "", false
	}
	if node.Kind != yaml.ScalarNode || !plainTag(node.ShortTag()) {
		d.refuse(node, "%s must be a single plain value", label(path))
		return "", false
	}
	written := unmark.Replace(node.Value)
	text, err := d.env.expand(written)
	if err != nil {
		d.refuse(node, "%s: %s", label(path), err)
		return "", false
	}
	if text != written && strings.HasPrefix(path, "drills.") {
		d.written[path] = writtenText{written, d.env.values(written)}
	}
	return text, true
}

// text hands a value to a type that reads itself. Its errors must not repeat the value.
func (d *decoder) text(node *yaml.Node, v encoding.TextUnmarshaler, path string) {
	text, found := d.single(node, path)
	if !found {
		return
	}
	if err := v.UnmarshalText([]byte(text)); err != nil {
		d.refuse(node, "%s %s", label(path), err)
	}
}

func (d *decoder) scalar(node *yaml.Node, v reflect.Value, path string) {
	text, found := d.single(node, path)
	if !found {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			d.refuse(node, "%s must be true or false", label(path))
			return
		}
		v.SetBool(text == "true")
	case reflect.Int:
		number, err := strconv.Atoi(text)
		if err != nil {
			d.refuse(node, "%s must be a whole number", label(path))
			return
		}
		v.SetInt(int64(number))
	default:
		panic("config: no way to read a " + v.Type().String())
	}
}

func plainTag(tag string) bool {
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return true
	default:
		return false
	}
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func label(path string) string {
	if path == "" {
		return "the configuration"
	}
	return path
}

// validName reports whether a name can stand in object keys and workflow IDs.
func validName(name string) bool {
	for i, r := range name {
		alphanumeric := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alphanumeric && (i == 0 || r != '-' && r != '_') {
			return false
		}
	}
	return name != "" && len(name) <= 63
}
