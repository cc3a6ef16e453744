package cnpg

import (
	"cmp"
	"net"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// kept are the fields of the source's spec that its copy has as they are. What
// is not here a copy must not have: plugins and backup above all, by which it
// would archive into the source's own folder.
var kept = [][]string{
	{"imageName"},
	{"imageCatalogRef"},
	{"imagePullPolicy"},
	{"postgresUID"},
	{"postgresGID"},
	{"schedulerName"},
	{"storage"},
	{"walStorage"},
	{"tablespaces"},
	{"resources"},
	{"startDelay"},
	{"inheritedMetadata"},
	{"serviceAccountTemplate"},
	{"seccompProfile"},
	{"podSecurityContext"},
	{"securityContext"},
	{"affinity", "nodeSelector"},
	{"affinity", "nodeAffinity"},
	{"affinity", "tolerations"},
	// Recovery wants max_connections and the like to be no less than at the source.
	{"postgresql", "parameters"},
	{"postgresql", "shared_preload_libraries"},
	{"postgresql", "extensions"},
	{"postgresql", "enableAlterSystem"},
	{"postgresql", "pg_hba"},
	{"postgresql", "pg_ident"},
}

// targetTime is RFC 3339 with the offset in digits: PostgreSQL has not read what
// a Z means when it reads its recovery target, and refuses that.
const targetTime = "2006-01-02T15:04:05-07:00"

// serviceName is that of the Service by which a host outside reaches a copy.
func serviceName(copied string) string { return copied + "-lifeboat" }

// spec is that of a copy, which recovers from the source's store.
func (s *Service) spec(r managed.Request, from origin, found names) (map[string]any, error) {
	original, _, _ := unstructured.NestedMap(from.cluster.Object, "spec")
	out := map[string]any{}
	for _, field := range kept {
		if value, ok, _ := unstructured.NestedFieldNoCopy(original, field...); ok {
			set(out, runtime.DeepCopyJSONValue(value), field...)
		}
	}
	if image, _, _ := unstructured.NestedString(from.cluster.Object, "status", "image"); image != "" && out["imageCatalogRef"] == nil {
		out["imageName"] = image
	}
	if found.catalog != "" {
		set(out, found.catalog, "imageCatalogRef", "name")
	}
	if len(found.pull) > 0 {
		out["imagePullSecrets"] = references(found.pull)
	}
	set(out, int64(max(s.config.Instances, 1)), "instances")
	set(out, false, "enablePDB")
	// Nobody is waited for when a copy is deleted; in seconds.
	set(out, int64(60), "stopDelay")
	set(out, int64(5), "smartShutdownTimeout")
	if err := s.store(out); err != nil {
		return nil, err
	}
	if len(s.config.Resources) > 0 {
		out["resources"] = amounts(s.config.Resources)
	}
	s.admit(out, r, found)
	s.bootstrap(out, r, from, original, found)
	return out, nil
}

// bootstrap is from where, and to when, a copy recovers.
func (s *Service) bootstrap(out map[string]any, r managed.Request, from origin, original map[string]any, found names) {
	const name = "source"
	recovery := map[string]any{"source": name}
	if at := r.Second(); !at.IsZero() {
		recovery["recoveryTarget"] = map[string]any{"targetTime": at.Format(targetTime)}
	}
	database, owner := application(original)
	if database != "" && owner != "" {
		recovery["database"], recovery["owner"] = database, owner
		if found.app != "" {
			recovery["secret"] = map[string]any{"name": found.app}
		}
	}
	out["bootstrap"] = map[string]any{"recovery": recovery}
	external := map[string]any{"name": name}
	if from.backups.inTree != nil {
		store := runtime.DeepCopyJSON(from.backups.inTree)
		store["serverName"] = from.backups.server
		found.rename(store)
		external["barmanObjectStore"] = store
	} else {
		external["plugin"] = map[string]any{
			"name":       plugin,
			"parameters": map[string]any{"barmanObjectName": clusterName(r.Name), "serverName": from.backups.server},
		}
	}
	out["externalClusters"] = []any{external}
}

// application reads the application's database and its owner from how a Cluster
// was bootstrapped.
func application(spec map[string]any) (database, owner string) {
	for _, how := range bootstraps {
		if found, ok, _ := unstructured.NestedMap(spec, "bootstrap", how); ok {
			database, _ = found["database"].(string)
			owner, _ = found["owner"].(string)
			return database, cmp.Or(owner, database)
		}
	}
	return "", ""
}

// bootstraps are the ways to bootstrap a Cluster.
var bootstraps = []string{"initdb", "recovery", "pg_basebackup"}

// admit says who gets in, and by which way.
func (s *Service) admit(out map[string]any, r managed.Request, found names) {
	// Where the recovery stopped is in a file that only a superuser reads.
	out["enableSuperuserAccess"] = true
	if found.superuser != "" {
		set(out, found.superuser, "superuserSecret", "name")
	}
	certificates := map[string]any{}
	if found.serverCA != "" {
		certificates["serverCASecret"] = found.serverCA
	}
	if found.clientCA != "" {
		certificates["clientCASecret"] = found.clientCA
	}
	if host, _, err := net.SplitHostPort(s.address(r.Name, "0")); err == nil && s.config.Address != "" {
		if _, ip := netip.ParseAddr(host); ip != nil {
			certificates["serverAltDNSNames"] = []any{host}
		}
	}
	if len(certificates) > 0 {
		out["certificates"] = certificates
	}
	if s.config.Service != "" {
		set(out, []any{map[string]any{"selectorType": "rw", "serviceTemplate": map[string]any{
			"metadata": map[string]any{"name": serviceName(clusterName(r.Name))},
			"spec":     map[string]any{"type": s.config.Service},
		}}}, "managed", "services", "additional")
	}
}

// store changes the volumes of a copy as the configuration has it. A volume is
// never made from another one.
func (s *Service) store(out map[string]any) error {
	volumes := []any{out["storage"], out["walStorage"]}
	tablespaces, _ := out["tablespaces"].([]any)
	for _, t := range tablespaces {
		t, _ := t.(map[string]any)
		volumes = append(volumes, t["storage"])
	}
	for _, v := range volumes {
		volume, ok := v.(map[string]any)
		if !ok {
			continue
		}
		template, _ := volume["pvcTemplate"].(map[string]any)
		for _, field := range []string{"volumeName", "selector", "dataSource", "dataSourceRef"} {
			delete(template, field)
		}
		if s.config.StorageClass != "" {
			volume["storageClass"] = s.config.StorageClass
			delete(template, "storageClassName")
		}
	}
	if s.config.StorageSize == "" {
		return nil
	}
	wanted, err := resource.ParseQuantity(s.config.StorageSize)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "read storageSize")
	}
	data, _ := out["storage"].(map[string]any)
	if data == nil {
		data = map[string]any{}
		out["storage"] = data
	}
	size, _ := data["size"].(string)
	if size == "" {
		size, _, _ = unstructured.NestedString(data, "pvcTemplate", "resources", "requests", "storage")
	}
	if least, err := resource.ParseQuantity(size); err == nil && wanted.Cmp(least) < 0 {
		return fault.New(fault.Invalid, "storageSize %s is less than the %s that %s has: leave it out, or give more", s.config.StorageSize, size, s.config.Instance)
	}
	data["size"] = s.config.StorageSize
	return nil
}

// address is where a copy is reached; port is that of a node.
func (s *Service) address(name, port string) string {
	template := cmp.Or(s.config.Address, "{name}-rw.{namespace}.svc:5432")
	return strings.NewReplacer("{name}", clusterName(name), "{namespace}", s.home(name), "{port}", port).Replace(template)
}

func set(o map[string]any, value any, fields ...string) {
	// It fails only where a field on the way is no object, and these all are.
	_ = unstructured.SetNestedField(o, value, fields...)
}

func references(names []string) []any {
	out := make([]any, len(names))
	for i, name := range names {
		out[i] = map[string]any{"name": name}
	}
	return out
}

func amounts(of map[string]map[string]string) map[string]any {
	out := map[string]any{}
	for kind, list := range of {
		inner := map[string]any{}
		for name, amount := range list {
			inner[name] = amount
		}
		out[kind] = inner
	}
	return out
}
