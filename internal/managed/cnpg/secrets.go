package cnpg

import (
	"context"
	"maps"
	"net/url"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// names are what the things that a copy needs beside its Cluster are called
// there; empty for what it does without.
type names struct {
	// prefix is before the names of what the object store refers to.
	prefix                             string
	app, superuser, serverCA, clientCA string
	catalog                            string
	pull                               []string
}

// reference is a Secret or ConfigMap that something refers to.
type reference struct {
	of   schema.GroupVersionResource
	name string
}

// credentials are the fields of a store's configuration that refer to Secrets.
var credentials = [][]string{
	{"s3Credentials", "accessKeyId"},
	{"s3Credentials", "secretAccessKey"},
	{"s3Credentials", "region"},
	{"s3Credentials", "sessionToken"},
	{"azureCredentials", "connectionString"},
	{"azureCredentials", "storageAccount"},
	{"azureCredentials", "storageKey"},
	{"azureCredentials", "storageSasToken"},
	{"googleCredentials", "applicationCredentials"},
	{"endpointCA"},
}

// rename puts the prefix before the name of every Secret that a store's
// configuration refers to, and returns what it referred to.
func (n names) rename(configuration map[string]any) []reference {
	var out []reference
	for _, field := range credentials {
		ref, ok, _ := unstructured.NestedFieldNoCopy(configuration, field...)
		if selector, isMap := ref.(map[string]any); ok && isMap {
			out = append(out, n.prefixed(selector, secrets)...)
		}
	}
	return out
}

// renameAll does the same for the whole spec of an ObjectStore, whose sidecar
// may have variables from Secrets and ConfigMaps.
func (n names) renameAll(spec map[string]any) []reference {
	configuration, _ := spec["configuration"].(map[string]any)
	out := n.rename(configuration)
	env, _, _ := unstructured.NestedFieldNoCopy(spec, "instanceSidecarConfiguration", "env")
	list, _ := env.([]any)
	for _, variable := range list {
		variable, _ := variable.(map[string]any)
		from, _ := variable["valueFrom"].(map[string]any)
		for field, of := range map[string]schema.GroupVersionResource{"secretKeyRef": secrets, "configMapKeyRef": configMaps} {
			if selector, ok := from[field].(map[string]any); ok {
				out = append(out, n.prefixed(selector, of)...)
			}
		}
	}
	return out
}

func (n names) prefixed(selector map[string]any, of schema.GroupVersionResource) []reference {
	name, _ := selector["name"].(string)
	if name == "" {
		return nil
	}
	selector["name"] = n.prefix + name
	return []reference{{of, name}}
}

// attachments are copies of what the source's Cluster refers to, and of how it
// is connected to, so that the surface's own URL opens the copy.
func (s *Service) attachments(ctx context.Context, r managed.Request, from origin) (names, []piece, error) {
	copied := clusterName(r.Name)
	n := names{prefix: copied + "-"}
	spec, _, _ := unstructured.NestedMap(from.cluster.Object, "spec")
	var pieces []piece
	take := func(of schema.GroupVersionResource, from, to string, keys ...string) (bool, error) {
		p, err := s.duplicate(ctx, r, of, from, to, keys...)
		if err != nil || p.object == nil {
			return false, err
		}
		pieces = append(pieces, p)
		return true, nil
	}
	source := s.config.Instance
	login := []string{"username", "password"}
	optional := []struct {
		into   *string
		from   string
		to     string
		wanted bool
		keys   []string
	}{
		{&n.app, secretOf(spec, source), copied + "-source-app", true, login},
		{&n.superuser, named(spec, source+"-superuser", "superuserSecret", "name"), copied + "-source-superuser", spec["enableSuperuserAccess"] == true, login},
		{&n.serverCA, named(from.cluster.Object, source+"-ca", "status", "certificates", "serverCASecret"), copied + "-source-ca", s.verifies(), nil},
		{&n.clientCA, named(from.cluster.Object, source+"-ca", "status", "certificates", "clientCASecret"), copied + "-source-client-ca", s.shows(), nil},
	}
	for _, o := range optional {
		if !o.wanted {
			continue
		}
		found, err := take(secrets, o.from, o.to, o.keys...)
		if err != nil {
			return n, nil, err
		}
		if found {
			*o.into = o.to
		}
	}
	pull, _, _ := unstructured.NestedSlice(spec, "imagePullSecrets")
	for _, p := range pull {
		p, _ := p.(map[string]any)
		name, _ := p["name"].(string)
		found, err := take(secrets, name, n.prefix+name)
		if err != nil {
			return n, nil, err
		}
		if found {
			n.pull = append(n.pull, n.prefix+name)
		}
	}
	if kind := named(spec, "", "imageCatalogRef", "kind"); kind == "ImageCatalog" {
		name := named(spec, "", "imageCatalogRef", "name")
		found, err := take(imageCatalogs, name, n.prefix+name)
		if err != nil {
			return n, nil, err
		}
		if found {
			n.catalog = n.prefix + name
		}
	}
	stores, err := s.storeCopies(ctx, r, from, n)
	return n, append(pieces, stores...), err
}

// storeCopies are copies of the ObjectStore and of all that it refers to.
func (s *Service) storeCopies(ctx context.Context, r managed.Request, from origin, n names) ([]piece, error) {
	var pieces []piece
	var refs []reference
	if from.backups.inTree != nil {
		refs = n.rename(runtime.DeepCopyJSON(from.backups.inTree))
	} else {
		spec, _, _ := unstructured.NestedMap(from.store.Object, "spec")
		// By it the plugin deletes old backups: the source's, from here.
		delete(spec, "retentionPolicy")
		refs = n.renameAll(spec)
		pieces = append(pieces, piece{objectStores, s.mark(r, "barmancloud.cnpg.io/v1", "ObjectStore", clusterName(r.Name), map[string]any{"spec": spec})})
	}
	done := map[reference]bool{}
	for _, ref := range refs {
		if done[ref] {
			continue
		}
		done[ref] = true
		p, err := s.duplicate(ctx, r, ref.of, ref.name, n.prefix+ref.name)
		if err != nil {
			return nil, err
		}
		if p.object == nil {
			return nil, fault.New(fault.Missing, "there is no %s %s in the namespace %s, which the object store of %s refers to",
				ref.of.Resource, ref.name, s.config.Namespace, s.config.Instance)
		}
		pieces = append([]piece{p}, pieces...)
	}
	return pieces, nil
}

// duplicate makes a copy of an object of the source's namespace, with the keys
// given or with all. The object is nil where the source is none.
func (s *Service) duplicate(ctx context.Context, r managed.Request, of schema.GroupVersionResource, from, to string, keys ...string) (piece, error) {
	if from == "" {
		return piece{}, nil
	}
	found, err := s.find(ctx, of, s.config.Namespace, from)
	if err != nil || found == nil {
		return piece{}, err
	}
	content := map[string]any{}
	for _, field := range []string{"type", "data", "binaryData", "spec"} {
		if value, ok := found.Object[field]; ok {
			content[field] = value
		}
	}
	if data, ok := content["data"].(map[string]any); ok && len(keys) > 0 {
		// The rest of a login says where the source is.
		chosen := maps.Clone(data)
		maps.DeleteFunc(chosen, func(key string, _ any) bool { return !slices.Contains(keys, key) })
		content["data"] = chosen
	}
	return piece{of, s.mark(r, found.GetAPIVersion(), found.GetKind(), to, content)}, nil
}

// secretOf is the name of the Secret of the application's owner.
func secretOf(spec map[string]any, source string) string {
	for _, how := range bootstraps {
		if name := named(spec, "", "bootstrap", how, "secret", "name"); name != "" {
			return name
		}
	}
	return source + "-app"
}

// named reads a name, or returns the one that CloudNativePG gives by default.
func named(o map[string]any, otherwise string, fields ...string) string {
	if name, _, _ := unstructured.NestedString(o, fields...); name != "" {
		return name
	}
	return otherwise
}

// verifies reports whether connections look at the server's certificate: then
// that of a copy must be of the same authority.
func (s *Service) verifies() bool {
	query := s.query()
	return query.Get("sslrootcert") != "" || query.Get("sslmode") == "verify-ca" || query.Get("sslmode") == "verify-full"
}

// shows reports whether connections show a certificate of their own.
func (s *Service) shows() bool { return s.query().Get("sslcert") != "" }

func (s *Service) query() url.Values {
	u, err := url.Parse(s.config.URL.Reveal())
	if err != nil {
		return nil
	}
	return u.Query()
}
