package kubernetes

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestSelections(t *testing.T) {
	t.Parallel()
	deployment := `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}}`
	for name, c := range map[string]struct {
		s    surface.Selection
		want bool
	}{
		"everything":          {surface.Selection{}, true},
		"its type":            {surface.Selection{Resources: []string{"secrets", "deployments"}}, true},
		"its type with group": {surface.Selection{Resources: []string{"deployments.apps"}}, true},
		"a type of another":   {surface.Selection{Resources: []string{"deployments.example.com"}}, false},
		"another type":        {surface.Selection{Resources: []string{"secrets"}}, false},
		"its name":            {surface.Selection{Names: []string{"web"}}, true},
		"its whole name":      {surface.Selection{Names: []string{"pay/web", "shop/web"}}, true},
		"a name elsewhere":    {surface.Selection{Names: []string{"pay/web"}}, false},
		"its labels":          {surface.Selection{Labels: "app=web,tier in (front, back)"}, true},
		"other labels":        {surface.Selection{Labels: "app!=web"}, false},
		"all but one":         {surface.Selection{Resources: []string{"deployments"}, Names: []string{"web"}, Labels: "tier=back"}, false},
	} {
		by, err := newSelector(c.s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := by.has(fromYAML(t, typeDeployments, deployment)); got != c.want || by.all() != c.s.All() {
			t.Errorf("%s: selected is %v, all is %v", name, got, by.all())
		}
	}
}

func TestSelectionsThatSayNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []surface.Selection{
		{Schemas: []string{"public"}}, {Tables: []string{"public.a"}}, {Resources: []string{""}},
		{Names: []string{"a/b/c"}}, {Names: []string{"/b"}}, {Names: []string{"a/"}}, {Names: []string{""}}, {Labels: "a in"},
	} {
		if _, err := newSelector(s); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	owned := func(kind string) string {
		return `metadata: {name: a, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ` + kind + `, name: o, uid: u, controller: true}]}`
	}
	const plain = "metadata: {name: a, namespace: shop}"
	for name, c := range map[string]struct {
		of   schema.GroupResource
		text string
		want bool
	}{
		"a deployment":                {typeDeployments, plain, false},
		"a replica set of one":        {typeReplicaSets, owned("Deployment"), true},
		"a replica set":               {typeReplicaSets, plain, false},
		"a pod of a replica set":      {typePods, owned("ReplicaSet"), true},
		"a pod":                       {typePods, plain, false},
		"a pod that is done":          {typePods, plain + "\nstatus: {phase: Succeeded}", true},
		"a pod that failed":           {typePods, plain + "\nstatus: {phase: Failed}", true},
		"a mirror pod":                {typePods, "metadata: {name: a, namespace: shop, annotations: {kubernetes.io/config.mirror: x}}", true},
		"a job of a cron job":         {typeJobs, owned("CronJob"), true},
		"a job":                       {typeJobs, plain + "\nstatus: {conditions: [{type: Complete, status: 'False'}]}", false},
		"a job that is done":          {typeJobs, plain + "\nstatus: {conditions: [{type: Complete, status: 'True'}]}", true},
		"a revision":                  {schema.GroupResource{Group: groupApps, Resource: "controllerrevisions"}, owned("StatefulSet"), true},
		"a slice of a service":        {typeSlices, "metadata: {name: a, namespace: shop, labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}", true},
		"a slice of a person":         {typeSlices, plain, false},
		"endpoints of pods":           {typeEndpoints, plain + "\nsubsets: [{addresses: [{ip: 10.0.0.1, targetRef: {kind: Pod}}]}]", true},
		"endpoints of a person":       {typeEndpoints, plain + "\nsubsets: [{addresses: [{ip: 10.0.0.1}]}]", false},
		"a claim of a stateful set":   {typeClaims, owned("StatefulSet"), false},
		"a claim of a pod":            {typeClaims, "metadata: {name: a, namespace: shop, ownerReferences: [{apiVersion: v1, kind: Pod, name: o, uid: u, controller: true}]}", true},
		"a secret of an operator":     {typeSecrets, "metadata: {name: a, namespace: shop, ownerReferences: [{apiVersion: example.com/v1, kind: Shop, name: o, uid: u, controller: true}]}", false},
		"a token of an account":       {typeSecrets, "type: kubernetes.io/service-account-token\nmetadata: {name: web-token-abcde, namespace: shop, annotations: {kubernetes.io/service-account.name: web}}", true},
		"a token of a person":         {typeSecrets, "type: kubernetes.io/service-account-token\nmetadata: {name: web, namespace: shop, annotations: {kubernetes.io/service-account.name: web}}", false},
		"the root certificates":       {typeConfigMaps, "metadata: {name: kube-root-ca.crt, namespace: shop}", true},
		"an event":                    {schema.GroupResource{Group: groupEvents, Resource: "events"}, plain, true},
		"a lease":                     {typeLeases, plain, true},
		"a webhook":                   {schema.GroupResource{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"}, "metadata: {name: a}", true},
		"the default account":         {typeServiceAccounts, "kind: ServiceAccount\nmetadata: {name: default, namespace: shop}", true},
		"a default account with more": {typeServiceAccounts, "kind: ServiceAccount\nimagePullSecrets: [{name: x}]\nmetadata: {name: default, namespace: shop}", false},
		"a role of the server":        {typeClusterRoles, "metadata: {name: 'system:node'}", true},
		"a role":                      {typeClusterRoles, "metadata: {name: shop}", false},
	} {
		if got := leftOut(fromYAML(t, c.of, c.text)); got != c.want {
			t.Errorf("%s: left out is %v", name, got)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	last := -1
	for _, of := range []schema.GroupResource{
		typeDefinitions, typeNamespaces, typeStorageClasses, typeVolumes, typeClaims, typeClusterRoles, typeServiceAccounts,
		typeClusterBindings, typeRoleBindings, typeSecrets, typeConfigMaps, typePriorities, typePods, typeReplicaSets, typeEndpoints,
		typeServices, typeDeployments, typeQuotas,
	} {
		if order(of) <= last {
			t.Errorf("%s does not come after the one before it", of)
		}
		last = order(of)
	}
	if other := (schema.GroupResource{Group: "example.com", Resource: "pods"}); order(other) != order(typeDeployments) {
		t.Errorf("a type of another group is in the place of one with the same name")
	}
}
