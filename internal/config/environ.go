package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// maxSecretFile is how large a file named by a NAME_FILE variable may be.
const maxSecretFile = 1 << 20

// environment is the process's variables, or a test's.
type environment map[string]string

func newEnvironment(environ []string) environment {
	env := make(environment, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

// lookup returns a variable's value, or the contents of the file that
// NAME_FILE names, without line ends at its end. Found is false when neither
// is set.
func (env environment) lookup(name string) (value string, found bool, err error) {
	value, found = env[name]
	file := env[name+"_FILE"]
	switch {
	case file == "":
		return value, found, nil
	case value != "":
		return "", false, fmt.Errorf("%s and %s_FILE are both set; unset one", name, name)
	}
	value, err = readSecretFile(file)
	if err != nil {
		return "", false, fmt.Errorf("%s_FILE: %w", name, err)
	}
	return value, true, nil
}

func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fileProblem(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fileProblem(path, err)
	}
	if len(data) > maxSecretFile {
		return "", fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// fileProblem says shortly why a file can't be read.
func fileProblem(path string, err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return fmt.Errorf("cannot read %s: %w", path, err)
}

// expand replaces ${NAME} by the variable's value, once: what a value contains
// is not expanded again. $${ stands for a literal ${, and ${name()} is left for
// whoever fills in templates.
func (env environment) expand(text string) (string, error) {
	var out strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			out.WriteString(text)
			return out.String(), nil
		}
		if start > 0 && text[start-1] == '$' {
			out.WriteString(text[:start-1] + "${")
			text = text[start+2:]
			continue
		}
		out.WriteString(text[:start])
		end := strings.IndexByte(text[start:], '}')
		if end < 0 {
			return "", errors.New("\"${\" without \"}\"; write \"$${\" for a literal one")
		}
		name := text[start+2 : start+end]
		value, err := env.reference(name)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = text[start+end+1:]
	}
}

// values are those of the variables in a text that can be expanded.
func (env environment) values(text string) []secret.String {
	var out []secret.String
	for _, found := range references.FindAllStringSubmatchIndex(text, -1) {
		name := text[found[2]:found[3]]
		if found[0] > 0 && text[found[0]-1] == '$' || strings.HasSuffix(name, "()") {
			continue
		}
		if value, _, err := env.lookup(name); err == nil && value != "" {
			out = append(out, secret.String(value))
		}
	}
	return out
}

func (env environment) reference(name string) (string, error) {
	if call, ok := strings.CutSuffix(name, "()"); ok && isVariable(call) {
		return "${" + name + "}", nil
	}
	if !isVariable(name) {
		return "", errors.New("\"${…}\" takes the name of a variable; write \"$${\" for a literal one")
	}
	value, found, err := env.lookup(name)
	if err == nil && !found {
		err = fmt.Errorf("the variable %s is not set (nor %s_FILE)", name, name)
	}
	return value, err
}

// YAML takes the braces of an unquoted ${NAME} for a mapping when it stands
// inside {…} or […], and those of a plan's {{SURFACE.FIELD}} even elsewhere. So
// they are replaced by characters of the private use area while the YAML is
// parsed, and put back into every value before it is expanded.
const (
	openMark  = "\uE000"
	closeMark = "\uE001"
)

var (
	references = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*(?:\(\))?)\}`)
	// restored are the placeholders of plans: {{main.url}}.
	restored = regexp.MustCompile(`\{\{( *[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z]+ *)\}\}`)
	unmark   = strings.NewReplacer(openMark, "{", closeMark, "}")
)

func markReferences(text string) string {
	text = references.ReplaceAllString(text, "$$"+openMark+"${1}"+closeMark)
	return restored.ReplaceAllString(text, openMark+openMark+"${1}"+closeMark+closeMark)
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
