package config

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// DefaultFile is read when no other file is named and this one exists.
const DefaultFile = "lifeboat.yaml"

// maxFile is how large a configuration file may be.
const maxFile = 4 << 20

// Load reads the configuration: the file at path; when path is empty the one
// that LIFEBOAT_CONFIG names; then DefaultFile in the working directory when it
// exists; else the variables alone. Environ has entries NAME=VALUE, as
// os.Environ gives them. The result is validated. Errors are of kind
// fault.Invalid, or fault.Missing for a named file that does not exist, with
// one line per problem, each beginning with the file and line or the variable
// it is about; they never repeat a secret.
func Load(path string, environ []string) (*Config, error) {
	env := newEnvironment(environ)
	if path == "" {
		path = env["LIFEBOAT_CONFIG"]
	}
	if path == "" {
		if _, err := os.Stat(DefaultFile); err == nil {
			path = DefaultFile
		}
	}
	c := &Config{
		Temporal:     Temporal{Namespace: "default"},
		Listen:       "127.0.0.1:8080",
		Compression:  Compression{Level: 1},
		PointsPrefix: "points",
		Parallel:     2,
		Evidence:     Evidence{Origin: defaultOrigin},
		origins:      origins{},
		written:      map[string]writtenText{},
	}
	found := &problems{}
	if path == "" {
		readVariables(env, c, found)
		alertVariables(env, c, found)
	} else {
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		parse(path, data, env, c, found)
	}
	override(env, c, found)
	complete(env, c)
	if err := found.err(); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Missing, "there is no configuration file %s", path)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, fileProblem(path, err), "configuration")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, fileProblem(path, err), "configuration")
	}
	if len(data) > maxFile {
		return nil, fault.New(fault.Invalid, "the configuration file %s is larger than 4 MiB", path)
	}
	return data, nil
}

// yamlProblem takes apart what the yaml package says of a syntax error.
var yamlProblem = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// parse fills c from a file's contents.
func parse(file string, data []byte, env environment, c *Config, found *problems) {
	d := &decoder{env: env, file: file, problems: found, origins: c.origins, written: c.written}
	c.origins[""] = file
	text := string(data)
	if strings.ContainsAny(text, openMark+closeMark) {
		found.add(file, "the characters U+E000 and U+E001 are not allowed")
		return
	}
	source := yaml.NewDecoder(strings.NewReader(markReferences(text)))
	var document yaml.Node
	err := source.Decode(&document)
	if errors.Is(err, io.EOF) {
		return
	}
	if err != nil {
		at, text := file, err.Error()
		if parts := yamlProblem.FindStringSubmatch(text); parts != nil {
			text = unmark.Replace(parts[2])
			if parts[1] != "" {
				at += ":" + parts[1]
			}
		}
		found.add(at, "not valid YAML: %s", text)
		return
	}
	if err := source.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		found.add(file, "one YAML document was expected, and more follows it")
		return
	}
	d.structure(document.Content[0], reflect.ValueOf(c).Elem(), "")
}

// override applies the variables that count with a file and without one.
func override(env environment, c *Config, found *problems) {
	set := func(name, path string, apply func(string)) {
		value, _, err := env.lookup(name)
		switch {
		case err != nil:
			found.add("", "%s", err)
		case value != "":
			apply(value)
			c.origins[path] = name
		}
	}
	set("LIFEBOAT_LISTEN", "listen", func(v string) { c.Listen = v })
	set("LIFEBOAT_DATA_DIR", "dataDir", func(v string) { c.DataDir = v })
	set("LIFEBOAT_EVIDENCE_KEY", "evidence.key", func(v string) { c.Evidence.Key = secret.String(v) })
	set("LIFEBOAT_SESSION_KEY", "pages.sessionKey", func(v string) { c.Pages.SessionKey = secret.String(v) })
	set("LIFEBOAT_METRICS_TOKEN", "metrics.token", func(v string) { c.Metrics.Token = secret.String(v) })
	set("LIFEBOAT_ADMIN_KEY", "admin.firstKey", func(v string) { c.Admin.FirstKey = secret.String(v) })
}

// complete fills in the defaults that depend on something else.
func complete(env environment, c *Config) {
	if c.DataDir == "" {
		c.DataDir = defaultDataDir(env, os.Geteuid())
	}
	if c.Audit.File == "" {
		c.Audit.File = filepath.Join(c.DataDir, "audit.jsonl")
	}
	completePages(&c.Pages)
	completeAlerts(c)
	for name, p := range c.Policies {
		if p.Kind == "" {
			p.Kind = KindSnapshot
		}
		if p.TimeZone == "" {
			p.TimeZone = "UTC"
		}
		if p.Verify == "" && p.Kind != KindWAL {
			p.Verify = VerifyAfter
		}
		if p.Kind == KindWAL {
			p.Interval = cmp.Or(p.Interval, Duration(defaultInterval))
			p.HoldBack = cmp.Or(p.HoldBack, defaultHoldBack)
			p.Slot = cmp.Or(p.Slot, slotName(name))
		}
		if p.Store == "" && len(c.Stores) == 1 {
			p.Store = c.FirstStore(p.Surface, p.Kind)
		}
		c.Policies[name] = p
	}
	for name, p := range c.Drills {
		completeDrill(&p, c.origins, "drills."+name)
		c.Drills[name] = p
	}
}

func defaultDataDir(env environment, user int) string {
	switch {
	case user == 0:
		return "/var/lib/lifeboat"
	case env["XDG_STATE_HOME"] != "":
		return filepath.Join(env["XDG_STATE_HOME"], "lifeboat")
	default:
		return filepath.Join(env["HOME"], ".local", "state", "lifeboat")
	}
}
