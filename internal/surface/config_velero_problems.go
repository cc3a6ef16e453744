package surface

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Names of Kubernetes' objects that are label values, too.
var veleroName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$`)

// Velero's own parser has the last word: the Schedule's status says what it thinks.
var veleroCronField = regexp.MustCompile(`^[0-9A-Za-z*/,?-]+$`)

func (c *Velero) problems() []Problem {
	p := &veleroProblems{}
	for _, named := range []struct{ setting, name string }{
		{"namespace", c.Namespace}, {"schedule", c.Schedule}, {"storage.name", c.Storage.Name},
	} {
		if named.name != "" && !veleroName.MatchString(named.name) {
			p.add(named.setting, "%s %q can't be the name of an object: lower-case letters, digits and dashes", named.setting, named.name)
		}
	}
	switch c.Run {
	case "", VeleroRunBackup:
		if c.Schedule != "" {
			p.add("schedule", "schedule means nothing unless run is %s", VeleroRunAdopt)
		}
		if c.Storage.AccessMode == "ReadOnly" {
			p.add("run", "run must be %s, because no backup can be made in storage whose accessMode is ReadOnly", VeleroRunAdopt)
		}
	case VeleroRunAdopt:
		if c.Schedule == "" {
			p.add("schedule", "schedule is missing: say whose backups are adopted")
		}
		if c.Backup.set() {
			p.add("backup", "backup means nothing when run is %s", VeleroRunAdopt)
		}
	default:
		p.add("run", "run must be %s or %s", VeleroRunBackup, VeleroRunAdopt)
	}
	p.backup("backup", c.Backup)
	p.storage(c.Storage)
	for _, name := range slices.Sorted(maps.Keys(c.Schedules)) {
		p.schedule("schedules."+name, name, c.Schedules[name])
	}
	return p.found
}

type veleroProblems struct{ found []Problem }

func (p *veleroProblems) add(setting, format string, args ...any) {
	p.found = append(p.found, Problem{setting, fmt.Sprintf(format, args...)})
}

func (b VeleroBackup) set() bool {
	return b.RetentionDays != 0 || b.TTL != 0 || b.LabelSelector != nil || b.IncludeAllPVCs != nil ||
		b.SnapshotVolumes != nil || b.ExcludedResources != nil
}

func (p *veleroProblems) backup(setting string, b VeleroBackup) {
	if b.TTL < 0 || b.RetentionDays < 0 {
		p.add(setting, "%s must be kept for longer than no time: correct ttl or retentionDays", setting)
	}
	if b.TTL != 0 && b.RetentionDays != 0 {
		p.add(setting+".ttl", "%s has both ttl and retentionDays: one is enough", setting)
	}
	if slices.Contains(b.ExcludedResources, "") || slices.Contains(b.ExcludedResources, "*") {
		p.add(setting+".excludedResources", "%s.excludedResources must name types, such as events", setting)
	}
}

func (p *veleroProblems) schedule(setting, name string, s VeleroSchedule) {
	if !veleroName.MatchString(name) {
		p.add(setting, "%q can't be the name of a schedule: lower-case letters, digits and dashes", name)
	}
	if _, known := VeleroPresets[s.Preset]; s.Preset != "" && !known {
		p.add(setting+".preset", "%s.preset must be one of %s", setting, strings.Join(slices.Sorted(maps.Keys(VeleroPresets)), ", "))
	}
	if s.Cron != "" && !strings.HasPrefix(s.Cron, "@") {
		fields := strings.Fields(s.Cron)
		if len(fields) != 5 || slices.ContainsFunc(fields, func(f string) bool { return !veleroCronField.MatchString(f) }) {
			p.add(setting+".cron", "%s.cron %q is not a schedule of five fields", setting, s.Cron)
		}
	}
	p.backup(setting, s.VeleroBackup)
}

func (p *veleroProblems) storage(s VeleroStorage) {
	owner := map[string]string{
		"region": VeleroS3, "endpoint": VeleroS3, "publicEndpoint": VeleroS3,
		"resourceGroup": VeleroAzure, "storageAccount": VeleroAzure, "subscription": VeleroAzure,
		"serviceAccount": VeleroGCS,
	}
	set := map[string]string{
		"region": s.Region, "endpoint": s.Endpoint, "publicEndpoint": s.PublicEndpoint,
		"resourceGroup": s.ResourceGroup, "storageAccount": s.StorageAccount, "subscription": s.Subscription,
		"serviceAccount": s.ServiceAccount,
	}
	switch {
	case s.Provider == "" && s != (VeleroStorage{Name: s.Name, AccessMode: s.AccessMode}):
		p.add("storage.provider", "storage.provider is missing: %s, %s or %s", VeleroS3, VeleroAzure, VeleroGCS)
		return
	case s.Provider == "":
		return
	case !slices.Contains([]string{VeleroS3, VeleroAzure, VeleroGCS}, s.Provider):
		p.add("storage.provider", "storage.provider must be %s, %s or %s", VeleroS3, VeleroAzure, VeleroGCS)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(owner)) {
		if set[name] != "" && owner[name] != s.Provider {
			p.add("storage."+name, "storage.%s means nothing for provider %s", name, s.Provider)
		}
	}
	if s.Bucket == "" {
		p.add("storage.bucket", "storage.bucket is missing")
	}
	if s.Provider == VeleroAzure && s.StorageAccount == "" {
		p.add("storage.storageAccount", "storage.storageAccount is missing: provider azure needs it")
	}
	for _, setting := range []string{"endpoint", "publicEndpoint"} {
		u, err := url.Parse(set[setting])
		if set[setting] != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil) {
			p.add("storage."+setting, "storage.%s must be a URL like https://HOST:PORT", setting)
		}
	}
	if s.CAFile != "" && !filepath.IsAbs(s.CAFile) {
		p.add("storage.caFile", "storage.caFile must be an absolute path")
	}
	if s.Credential.Name == "" && s.Credential.Key != "" {
		p.add("storage.credential.name", "storage.credential.name is missing: say which Secret")
	}
	if !slices.Contains([]string{"", "ReadWrite", "ReadOnly"}, s.AccessMode) {
		p.add("storage.accessMode", "storage.accessMode must be ReadWrite or ReadOnly")
	}
}
