package kubernetes

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

type fixture struct {
	of   schema.GroupResource
	text string
	// again fills in what the API server does after a restore.
	again func(body map[string]any)
}

// fixtures are objects as an API server gives them, of every type with rules of its own.
var fixtures = []fixture{
	{of: typePods, text: `
kind: Pod
apiVersion: v1
metadata: {name: p, namespace: shop, uid: u, resourceVersion: "1", creationTimestamp: x, labels: {app: web}, annotations: {kubernetes.io/limit-ranger: x, note: kept}}
spec:
  nodeName: n1
  priority: 0
  preemptionPolicy: PreemptLowerPriority
  serviceAccount: web
  serviceAccountName: web
  tolerations:
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}
  volumes:
  - {name: kube-api-access-abcde, projected: {defaultMode: 420}}
  - {name: cache, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}}}}
  containers:
  - {name: c, image: i, volumeMounts: [{name: kube-api-access-abcde, mountPath: /t}]}
status: {phase: Running}`, again: func(body map[string]any) {
		spec := fieldsOf(body, "spec")
		spec["nodeName"], spec["priority"], spec["serviceAccount"] = "n2", int64(7), "web"
		spec["volumes"] = append(listAt(body, "spec", "volumes"), map[string]any{"name": "kube-api-access-12345", "projected": map[string]any{}})
	}},
	{of: typeDeployments, text: `
kind: Deployment
apiVersion: apps/v1
metadata: {name: d, namespace: shop, generation: 3, annotations: {deployment.kubernetes.io/revision: "3", kubectl.kubernetes.io/last-applied-configuration: "{}"}}
spec: {replicas: 2, selector: {matchLabels: {app: d}}, template: {metadata: {creationTimestamp: null, labels: {app: d}}, spec: {containers: [{name: c, image: i, env: [{name: E, value: v}]}]}}}
status: {replicas: 2}`, again: func(body map[string]any) {
		fieldsOf(body, "metadata")["annotations"] = map[string]any{"deployment.kubernetes.io/revision": "1"}
	}},
	{of: typeStatefulSets, text: `
kind: StatefulSet
apiVersion: apps/v1
metadata: {name: s, namespace: shop}
spec:
  template: {metadata: {labels: {app: s}}, spec: {containers: [{name: c, image: i}]}}
  volumeClaimTemplates:
  - {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, creationTimestamp: null}, spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}, status: {phase: Pending}}`},
	{of: typeJobs, text: `
kind: Job
apiVersion: batch/v1
metadata: {name: j, namespace: shop, labels: {controller-uid: u, job-name: j, batch.kubernetes.io/controller-uid: u, batch.kubernetes.io/job-name: j}}
spec:
  selector: {matchLabels: {batch.kubernetes.io/controller-uid: u}}
  template: {metadata: {labels: {controller-uid: u, job-name: j, batch.kubernetes.io/controller-uid: u, batch.kubernetes.io/job-name: j}}, spec: {containers: [{name: c, image: i}]}}`,
		again: func(body map[string]any) {
			labels := map[string]any{"batch.kubernetes.io/controller-uid": "v", "controller-uid": "v", "job-name": "j"}
			fieldsOf(body, "spec")["selector"] = map[string]any{"matchLabels": labels}
			fieldsOf(body, "spec", "template")["metadata"] = map[string]any{"labels": labels, "creationTimestamp": nil}
			fieldsOf(body, "metadata")["labels"] = labels
		}},
	{of: typeCronJobs, text: `
kind: CronJob
apiVersion: batch/v1
metadata: {name: c, namespace: shop}
spec: {schedule: "0 1 * * *", jobTemplate: {metadata: {creationTimestamp: null}, spec: {template: {metadata: {creationTimestamp: null}, spec: {containers: [{name: c, image: i}]}}}}}`},
	{of: typeServices, text: `
kind: Service
apiVersion: v1
metadata: {name: s, namespace: shop, annotations: {external-dns.alpha.kubernetes.io/hostname: shop.example.com}}
spec:
  type: LoadBalancer
  clusterIP: 10.0.0.7
  clusterIPs: [10.0.0.7]
  ipFamilies: [IPv4]
  ipFamilyPolicy: SingleStack
  externalTrafficPolicy: Local
  healthCheckNodePort: 30007
  allocateLoadBalancerNodePorts: true
  ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080, protocol: TCP}]
  selector: {app: web}`, again: func(body map[string]any) {
		fieldsOf(body, "spec")["clusterIP"] = "10.9.9.9"
		fieldsOf(body, "spec")["clusterIPs"] = []any{"10.9.9.9"}
	}},
	{of: typeServices, text: "kind: Service\napiVersion: v1\nmetadata: {name: h, namespace: shop}\nspec: {type: ClusterIP, clusterIP: None, clusterIPs: [None], ports: [{port: 1}]}"},
	{of: typeServices, text: "kind: Service\napiVersion: v1\nmetadata: {name: e, namespace: shop}\nspec: {type: ExternalName, externalName: db.example.com}"},
	{of: typeServiceAccounts, text: "kind: ServiceAccount\napiVersion: v1\nmetadata: {name: web, namespace: shop}\nsecrets: [{name: web-token-abcde}]\nimagePullSecrets: [{name: pull}]"},
	{of: typeSecrets, text: "kind: Secret\napiVersion: v1\ntype: Opaque\nmetadata: {name: s, namespace: shop}\ndata: {password: cGFzcw==}"},
	{of: typeSecrets, text: `
kind: Secret
apiVersion: v1
type: kubernetes.io/service-account-token
metadata: {name: long, namespace: shop, annotations: {kubernetes.io/service-account.name: web, kubernetes.io/service-account.uid: u}}
data: {token: eA==, ca.crt: eA==, namespace: eA==}`, again: func(body map[string]any) {
		body["data"] = map[string]any{"token": "eQ==", "ca.crt": "eQ==", "namespace": "eQ=="}
	}},
	{of: typeConfigMaps, text: "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c, namespace: shop}\ndata: {a: b}"},
	{of: typeClaims, text: `
kind: PersistentVolumeClaim
apiVersion: v1
metadata: {name: c, namespace: shop, finalizers: [kubernetes.io/pvc-protection], annotations: {pv.kubernetes.io/bind-completed: "yes", volume.kubernetes.io/storage-provisioner: x}}
spec: {accessModes: [ReadWriteOnce], volumeName: pvc-1, storageClassName: fast, volumeMode: Filesystem, dataSource: {kind: VolumeSnapshot, name: s}, resources: {requests: {storage: 1Gi}}}`,
		again: func(body map[string]any) { fieldsOf(body, "spec")["volumeName"] = "pvc-2" }},
	{of: typeIngresses, text: `
kind: Ingress
apiVersion: networking.k8s.io/v1
metadata: {name: i, namespace: shop, annotations: {cert-manager.io/cluster-issuer: x, nginx.ingress.kubernetes.io/rewrite-target: /}}
spec:
  tls: [{hosts: [shop.example.com], secretName: tls}]
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]`},
	{of: typeIngresses, text: "kind: Ingress\napiVersion: networking.k8s.io/v1\nmetadata: {name: b, namespace: shop}\nspec: {defaultBackend: {service: {name: s, port: {number: 80}}}}"},
	{of: typePolicies, text: `
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: n, namespace: shop}
spec:
  podSelector: {}
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}, {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, other]}]}}]}]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]`},
	{of: typePolicies, text: `
kind: NetworkPolicy
apiVersion: networking.k8s.io/v1
metadata: {name: wide, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{}, {from: [{namespaceSelector: {}}, {namespaceSelector: {matchLabels: {team: x}}}], ports: [{port: 80, protocol: TCP}]}, {from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]
  egress: [{}, {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}, {to: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]}]`},
	{of: typeRoleBindings, text: `
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: r, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects:
- {kind: ServiceAccount, name: web, namespace: pay}
- {kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccounts:shop"}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccount:shop:web"}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}`},
	{of: typeClusterBindings, text: `
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lister}
subjects:
- {kind: ServiceAccount, name: web, namespace: shop}
- {kind: ServiceAccount, name: other, namespace: elsewhere}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}`},
	{of: schema.GroupResource{Group: groupGateway, Resource: "httproutes"}, text: "kind: HTTPRoute\napiVersion: gateway.networking.k8s.io/v1\nmetadata: {name: h, namespace: shop}\nspec: {hostnames: [shop.example.com], rules: [{backendRefs: [{name: s}]}]}"},
	{of: schema.GroupResource{Group: "example.com", Resource: "widgets"}, text: "kind: Widget\napiVersion: example.com/v1\nmetadata: {name: w, namespace: shop}\nspec: {size: 3, ratio: 0.5, none: null}\nstatus: {ready: true}"},
}

var pointNames = map[string]string{"shop": "shop", "pay": "pay"}

// places are those that a restore may go to.
var places = map[string]cluster.Place{
	"the same place": {},
	"other names":    {Namespaces: map[string]string{"shop": "shop2", "pay": "pay2"}},
	"an environment": {
		ID: "d-1", Namespaces: map[string]string{"shop": "lifeboat-d-1-shop", "pay": "lifeboat-d-1-pay"}, IngressDomain: "drill.invalid",
		StorageClasses: map[string]string{"fast": "slow"},
	},
}

// TestARestoreDoesNotShow sends objects as a restore does, lets the API server
// fill in what it fills in, and compares.
func TestARestoreDoesNotShow(t *testing.T) {
	t.Parallel()
	for where, place := range places {
		back := map[string]string{}
		for _, name := range []string{"shop", "pay"} {
			to, err := (remapper{place}).namespace(name)
			if err != nil {
				t.Fatal(err)
			}
			back[to] = name
		}
		for _, f := range fixtures {
			o := fromYAML(t, f.of, f.text)
			want, err := entryOf(copied(o), pointNames)
			if err != nil {
				t.Fatal(err)
			}
			_, all, err := (remapper{place}).sends(copied(o))
			if err != nil {
				t.Fatal(err)
			}
			sent := all[0]
			if sent.GetKind() == kindRoleBinding && o.Resource == typeClusterBindings {
				sent = unconfined(all)
			}
			if f.again != nil {
				f.again(sent.Object)
			}
			sent.SetUID("another")
			sent.SetResourceVersion("7")
			there := copied(o)
			there.Body = sent
			got, err := entryOf(copied(there), back)
			if err != nil || got != want {
				t.Errorf("%s %s restored into %s: %v %s", f.of, o.Name, where, err,
					cmp.Diff(normalise(o.Resource, copied(o).Body.Object, pointNames), normalise(o.Resource, there.Body.Object, back)))
			}
		}
	}
}

func copied(o Object) Object {
	o.Body = o.Body.DeepCopy()
	return o
}

// TestWhatIsNormalisedStaysSo does it twice, and sees that something is left.
func TestWhatIsNormalisedStaysSo(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		o := fromYAML(t, f.of, f.text)
		once := normalise(o.Resource, copied(o).Body.Object, pointNames)
		first, err := encode(once)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := encode(normalise(o.Resource, once, pointNames)); err != nil || !bytes.Equal(again, first) {
			t.Errorf("%s %s: %s and then %s, %v", f.of, o.Name, first, again, err)
		}
		if len(once) < 2 {
			t.Errorf("%s %s: nothing is compared but %s", f.of, o.Name, first)
		}
	}
}

func TestThingsThatMustShow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of     schema.GroupResource
		change func(body map[string]any)
	}{
		"an image":            {typeDeployments, func(b map[string]any) { mapsOf(b, "spec", "template", "spec", "containers")[0]["image"] = "j" }},
		"replicas":            {typeDeployments, func(b map[string]any) { fieldsOf(b, "spec")["replicas"] = int64(1) }},
		"a label":             {typePods, func(b map[string]any) { fieldsOf(b, "metadata", "labels")["app"] = "x" }},
		"an annotation":       {typePods, func(b map[string]any) { fieldsOf(b, "metadata", "annotations")["note"] = "x" }},
		"a port":              {typeServices, func(b map[string]any) { mapsOf(b, "spec", "ports")[0]["port"] = int64(81) }},
		"a secret":            {typeSecrets, func(b map[string]any) { fieldsOf(b, "data")["password"] = "eA==" }},
		"a config map":        {typeConfigMaps, func(b map[string]any) { delete(fieldsOf(b, "data"), "a") }},
		"a path":              {typeIngresses, func(b map[string]any) { mapsOf(b, "spec", "tls")[0]["secretName"] = "x" }},
		"a role":              {typeRoleBindings, func(b map[string]any) { fieldsOf(b, "roleRef")["name"] = "admin" }},
		"a subject":           {typeRoleBindings, func(b map[string]any) { mapsOf(b, "subjects")[3]["name"] = "bob" }},
		"a subject's home":    {typeRoleBindings, func(b map[string]any) { mapsOf(b, "subjects")[0]["namespace"] = "shop" }},
		"an account":          {typeClusterBindings, func(b map[string]any) { mapsOf(b, "subjects")[0]["name"] = "x" }},
		"the size of a claim": {typeClaims, func(b map[string]any) { fieldsOf(b, "spec", "resources", "requests")["storage"] = "2Gi" }},
		"a custom resource":   {schema.GroupResource{Group: "example.com", Resource: "widgets"}, func(b map[string]any) { fieldsOf(b, "spec")["size"] = int64(4) }},
		"a pull secret":       {typeServiceAccounts, func(b map[string]any) { delete(b, "imagePullSecrets") }},
		"who may come in":     {typePolicies, func(b map[string]any) { delete(fieldsOf(b, "spec"), "ingress") }},
		"to whom all may go":  {typePolicies, func(b map[string]any) { fieldsOf(b, "spec")["egress"] = []any{map[string]any{}} }},
	} {
		i := slices.IndexFunc(fixtures, func(f fixture) bool { return f.of == c.of })
		o := fromYAML(t, c.of, fixtures[i].text)
		want, err := entryOf(copied(o), pointNames)
		if err != nil {
			t.Fatal(err)
		}
		c.change(o.Body.Object)
		if got, err := entryOf(o, pointNames); err != nil || got == want {
			t.Errorf("%s does not show: %v", name, err)
		}
	}
}

func TestCategories(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"pods": categoryWorkload, "deployments.apps": categoryWorkload, "cronjobs.batch": categoryWorkload, "services": categoryService,
		"endpointslices.discovery.k8s.io": categoryService, "secrets": categorySecret, "configmaps": categoryConfigMap,
		"ingresses.networking.k8s.io": categoryIngress, "persistentvolumeclaims": categoryVolume, "volumesnapshots.snapshot.storage.k8s.io": categoryVolume,
		"roles.rbac.authorization.k8s.io": categoryAccess, "serviceaccounts": categoryAccess, "widgets.example.com": categoryCustom,
		"httproutes.gateway.networking.k8s.io": categoryCustom, "customresourcedefinitions.apiextensions.k8s.io": categoryCustom,
		"networkpolicies.networking.k8s.io": categoryOther, "horizontalpodautoscalers.autoscaling": categoryOther, "limitranges": categoryOther,
	} {
		if got := category(schema.ParseGroupResource(name)); got != want {
			t.Errorf("%s is %s, not %s", name, got, want)
		}
	}
}

func TestEntriesComeBackFromTheirNames(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		o := fromYAML(t, f.of, f.text)
		got, ok := parseEntry(entryName(o))
		if !ok || got.Resource != o.Resource || got.Namespace != o.Namespace || got.Name != o.Name {
			t.Errorf("%s is read as %v", entryName(o), got)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	s, err := New("shop", surface.Config{Kind: Kind, Cluster: surface.Cluster{Namespaces: []string{"shop"}}})
	if err != nil {
		t.Fatal(err)
	}
	var f surface.Fingerprint
	for _, o := range fixtures {
		entry, err := entryOf(fromYAML(t, o.of, o.text), pointNames)
		if err != nil {
			t.Fatal(err)
		}
		f = append(f, entry)
	}
	f = append(f, surface.Entry{Kind: categoryOther, Name: "-/namespaces/shop", Count: 1})
	f.Sort()
	for name, c := range map[string]struct {
		by   surface.Selection
		want []string
	}{
		"a type":              {surface.Selection{Resources: []string{"secrets"}}, []string{"shop/secrets/long", "shop/secrets/s"}},
		"a name":              {surface.Selection{Names: []string{"shop/s"}}, []string{"shop/secrets/s", "shop/services/s", "shop/statefulsets.apps/s"}},
		"labels":              {surface.Selection{Labels: "app=web"}, []string{"shop/pods/p"}},
		"labels and a type":   {surface.Selection{Labels: "app=web", Resources: []string{"secrets"}}, nil},
		"labels that are not": {surface.Selection{Labels: "!app", Resources: []string{"pods", "configmaps"}}, []string{"shop/configmaps/c"}},
		"a type of a cluster": {surface.Selection{Resources: []string{"namespaces"}}, []string{"-/namespaces/shop"}},
	} {
		var got []string
		for _, e := range s.Scope(f, c.by) {
			got = append(got, e.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if len(s.Scope(f, surface.Selection{})) != len(f) {
		t.Error("without a selection something is left out")
	}
}

// TestWhatAnEnvironmentsLimitsSetDoesNotShow has pods that a LimitRange gave something.
func TestWhatAnEnvironmentsLimitsSetDoesNotShow(t *testing.T) {
	t.Parallel()
	const pod = `
kind: Pod
apiVersion: v1
metadata: {name: p, namespace: shop ANNOTATIONS}
spec:
  initContainers: [{name: web, resources: {INIT}}]
  containers: [{name: web, resources: {WEB}}, {name: own, resources: {requests: {cpu: 2}}}]`
	entry := func(annotations, first, web string) string {
		o := fromYAML(t, typePods, strings.NewReplacer(" ANNOTATIONS", annotations, "INIT", first, "WEB", web).Replace(pod))
		dropLimits(o.Body.Object)
		out, err := entryOf(o, pointNames)
		if err != nil {
			t.Fatal(err)
		}
		return out.Digest
	}
	const set = `, annotations: {kubernetes.io/limit-ranger: "LimitRanger plugin set: cpu, memory request for container web; cpu limit for init container web"}`
	want := entry("", "", "")
	if got := entry(set, "limits: {cpu: 1}", "requests: {cpu: 10m, memory: 32Mi}"); got != want {
		t.Error("what was set shows")
	}
	if got := entry(set, "limits: {cpu: 1}", "requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 1Gi}"); got == want {
		t.Error("what somebody asked for does not show")
	}
	if got := entry("", "", "requests: {cpu: 10m}"); got == want {
		t.Error("what nobody has set does not show")
	}
}
