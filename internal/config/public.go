package config

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// writtenText is a text of the file in which variables stand.
type writtenText struct {
	// text is as it was written, with ${NAME} in it, values what came in their place.
	text   string
	values []secret.String
}

// PublicPlan is a plan that may be shown and kept for ever: the texts of its
// sanitising rules, programs, checks and reconciliations, and its route switch,
// have ${NAME} where a variable was put in, passwords in literal URLs are
// redacted, and so is, wherever it is marshalled, what the plan's types keep
// secret. What decides how a drill goes (names, kinds, surfaces, stores) is as
// it is carried out. It is empty when there is no such plan.
func (c *Config) PublicPlan(name string) drill.Plan {
	path := "drills." + name
	plan := rewrite(reflect.ValueOf(c.Drills[name]), path, func(at, text string) string {
		if !free(strings.TrimPrefix(at, path+".")) {
			return text
		}
		if as, found := c.written[at]; found {
			text = as.text
		}
		return hidePasswords(text)
	})
	return plan.Interface().(drill.Plan)
}

// literalPasswords warn of passwords that stand literally in URLs of a plan's steps.
func (c *Config) literalPasswords(name string) []string {
	var out []string
	path := "drills." + name
	rewrite(reflect.ValueOf(c.Drills[name]), path, func(at, text string) string {
		if as, found := c.written[at]; found {
			text = as.text
		}
		if free(strings.TrimPrefix(at, path+".")) && hidePasswords(text) != text {
			out = append(out, at+" has a password in it: put it into a variable, and write ${NAME}")
		}
		return text
	})
	slices.Sort(out)
	return out
}

// PlanSecrets are the values that variables have put into the steps of a plan,
// in order and each once.
func (c *Config) PlanSecrets(name string) []secret.String {
	var values []secret.String
	path := "drills." + name + "."
	for at, as := range c.written {
		if rest, in := strings.CutPrefix(at, path); in && free(rest) {
			values = append(values, as.values...)
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// hidePasswords is a text without the passwords that stand literally in its URLs.
func hidePasswords(text string) string {
	return urlPassword.ReplaceAllStringFunc(text, func(found string) string {
		if parts := urlPassword.FindStringSubmatch(found); !strings.Contains(parts[2], "{") {
			return parts[1] + secret.Redacted + "@"
		}
		return found
	})
}

// urlPassword is the password in a URL, with what is before it.
var urlPassword = regexp.MustCompile(`(://[^/?#@:\s]*:)([^/?#@\s]+)@`)

// free reports whether a text of a plan is one that a person words freely, by
// its path in the plan. The others decide how a drill goes.
func free(path string) bool {
	list, _, _ := strings.Cut(path, ".")
	switch list {
	case "sanitize", "start", "checks", "reconcile":
		switch path[strings.LastIndexByte(path, '.')+1:] {
		case "name", "kind", "surface", "store", "nonceAhead":
			return false
		}
		return true
	default:
		return path == "routeSwitch"
	}
}

// rewrite is a copy of a value in which every text that is no secret is what do
// makes of it and of its path.
func rewrite(v reflect.Value, path string, do func(path, text string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		if v.Type() != reflect.TypeFor[secret.String]() {
			out.SetString(do(path, v.String()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			out.Field(i).Set(rewrite(v.Field(i), path+"."+name, do))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(rewrite(v.Elem(), path, do))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(rewrite(v.Index(i), join(path, strconv.Itoa(i)), do))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for _, key := range v.MapKeys() {
				out.SetMapIndex(key, rewrite(v.MapIndex(key), join(path, key.String()), do))
			}
		}
	}
	return out
}
