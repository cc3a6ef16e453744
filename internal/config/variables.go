package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The names that the variables-only mode gives to what it configures.
const (
	mainSurface  = "main"
	redisSurface = "redis"
	onlyStore    = "primary"
)

// variablesPrefix is where points go when only variables configure Lifeboat.
const variablesPrefix = "altcha-sentinel-backups/db/${iso_date()}"

// Every SNAPSHOTS_ variable is read under both spellings.
const (
	correctSpelling = "SNAPSHOTS_"
	seedSpelling    = "SNAPHOSTS_"
)

// variables reads the SNAPSHOTS_ variables and remembers which it read.
type variables struct {
	env   environment
	found *problems
	o     origins
	read  map[string]bool
}

// get returns SNAPSHOTS_+name under either spelling, and notes its origin for
// a path. The correct spelling wins; two different values are a problem.
func (v *variables) get(name, path string) string {
	values := make(map[string]string)
	for _, spelling := range []string{correctSpelling, seedSpelling} {
		full := spelling + name
		v.read[full], v.read[full+"_FILE"] = true, true
		value, _, err := v.env.lookup(full)
		if err != nil {
			v.found.add("", "%s", err)
		}
		if value != "" {
			values[full] = value
		}
	}
	right, wrong := correctSpelling+name, seedSpelling+name
	if len(values) == 2 && values[right] != values[wrong] {
		v.found.add("", "%s and %s are set to different values; unset the second", right, wrong)
	}
	for _, full := range []string{right, wrong} {
		if value, ok := values[full]; ok {
			v.o[path] = full
			return value
		}
	}
	v.o[path] = right
	return ""
}

// readVariables fills c from the environment alone.
func readVariables(env environment, c *Config, found *problems) {
	v := &variables{env: env, found: found, o: c.origins, read: map[string]bool{}}
	c.Surfaces, c.Policies = map[string]Surface{}, map[string]Policy{}
	v.surface(c, mainSurface, "postgres", "POSTGRES_URL")
	v.surface(c, redisSurface, "redis", "REDIS_URL")
	c.PointsPrefix = variablesPrefix
	if prefix := v.get("DB_PREFIX", "pointsPrefix"); prefix != "" {
		c.PointsPrefix = strings.Trim(prefix, "/")
	}
	v.store(c)
	v.encryption(c)
	v.policies(c)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		ours := strings.HasPrefix(name, correctSpelling) || strings.HasPrefix(name, seedSpelling)
		if ours && !v.read[name] {
			c.warnings = append(c.warnings, fmt.Sprintf("the variable %s is not one that Lifeboat reads; is it misspelt?", name))
		}
	}
}

func (v *variables) surface(c *Config, name, kind, variable string) {
	value, _, err := v.env.lookup(variable)
	if err != nil {
		v.found.add("", "%s", err)
	}
	v.o["surfaces."+name] = variable
	if value != "" {
		c.Surfaces[name] = Surface{Config: surface.Config{Kind: kind, URL: secret.String(value)}}
	}
}

func (v *variables) store(c *Config) {
	at := "stores." + onlyStore
	s := store.Config{
		Kind:             strings.ToLower(v.get("STORAGE_PROVIDER", at+".kind")),
		Bucket:           v.get("STORAGE_S3_BUCKET", at+".bucket"),
		Region:           v.get("STORAGE_S3_REGION", at+".region"),
		Endpoint:         v.get("STORAGE_S3_ENDPOINT", at+".endpoint"),
		AccessKeyID:      v.get("STORAGE_S3_ACCESS_KEY_ID", at+".accessKeyId"),
		SecretAccessKey:  secret.String(v.get("STORAGE_S3_SECRET_ACCESS_KEY", at+".secretAccessKey")),
		Container:        v.get("STORAGE_AZURE_CONTAINER", at+".container"),
		ConnectionString: secret.String(v.get("STORAGE_AZURE_CONNECTION_STRING", at+".connectionString")),
		Dir:              v.get("STORAGE_LOCAL_DIR", at+".dir"),
	}
	v.o[at] = v.o[at+".kind"]
	// The variables of one provider may stay set while another is chosen.
	switch s.Kind {
	case "":
		if s != (store.Config{}) {
			v.found.add(v.o[at], "is not set, though other SNAPSHOTS_STORAGE_ variables are; it must be s3, azure or local")
		}
		return
	case "s3":
		s.Container, s.ConnectionString, s.Dir = "", "", ""
	case "azure":
		s = store.Config{Kind: s.Kind, Container: s.Container, ConnectionString: s.ConnectionString}
	case "local":
		s = store.Config{Kind: s.Kind, Dir: s.Dir}
	default:
		v.found.add(v.o[at], "the provider must be s3, azure or local")
		return
	}
	c.Stores = map[string]store.Config{onlyStore: s}
}

func (v *variables) encryption(c *Config) {
	e := &c.Encryption
	e.Passphrase = secret.String(v.get("ENCRYPTION_KEY", "encryption.passphrase"))
	e.Identity = secret.String(v.get("AGE_SECRET_KEY", "encryption.identity"))
	e.Recipients = append(e.Recipients, strings.FieldsFunc(v.get("AGE_PUBLIC_KEY", "encryption.recipients"), func(r rune) bool {
		return r == ',' || r == ' ' || r == '\n' || r == '\t'
	})...)
	v.o["encryption"] = v.o["encryption.passphrase"]
	switch {
	case len(e.Recipients) > 0:
		v.o["encryption"] = v.o["encryption.recipients"]
	case e.Identity != "":
		v.o["encryption"] = v.o["encryption.identity"]
	case e.Passphrase == "":
		e.Unencrypted = true
	}
}

func (v *variables) policies(c *Config) {
	everything := v.get("CRON_SCHEDULE", "policies")
	enabled := v.get("ENABLED", "enabled")
	switch enabled {
	case "", "0", "1", "true", "false":
	default:
		v.found.add(v.o["enabled"], "must be 1 or 0")
	}
	paused := enabled == "0" || enabled == "false"
	v.policy(c, mainSurface, "MAIN_SCHEDULE", everything, paused)
	v.policy(c, redisSurface, "REDIS_SCHEDULE", everything, paused)
}

// policy makes the policy of one surface when it has a schedule of its own or shares the general one.
func (v *variables) policy(c *Config, name, variable, everything string, paused bool) {
	path := "policies." + name + "-snapshots"
	cron := v.get(variable, path)
	if cron == "" {
		cron, v.o[path] = everything, v.o["policies"]
	}
	if _, configured := c.Surfaces[name]; cron == "" || !configured {
		return
	}
	if len(c.Stores) == 0 {
		c.warnings = append(c.warnings, fmt.Sprintf("%s is set and no store is: nothing will be saved until "+
			"SNAPSHOTS_STORAGE_PROVIDER is s3, azure or local", v.o[path]))
		return
	}
	c.Policies[name+"-snapshots"] = Policy{Surface: name, Cron: cron, Store: onlyStore, Paused: paused}
}
