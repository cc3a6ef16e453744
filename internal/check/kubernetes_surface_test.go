package check_test

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

func TestKubernetesOfARestoredSurface(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	a.put(shopCore+"pods/one", "v1", "Pod", readyPod)
	a.put("/api/v1/namespaces/shop", "v1", "Namespace", `"status":{"phase":"Active"}`)
	a.put("/api/v1/nodes/n", "v1", "Node", `"status":{"conditions":[{"type":"Ready","status":"True"}]}`)
	a.pages["/api/v1/namespaces/shop/pods?"] = []string{object("v1", "Pod", "one", readyPod)}
	place := func(namespaces map[string]string) drill.Server {
		return drill.Server{Kind: "kubernetes", URL: cluster.Place{
			// The context's own namespace is none of the place's.
			Config: cluster.Config{Kubeconfig: a.kubeconfig(t, a.URL, token), Context: "other"}, ID: "d-1", Namespaces: namespaces,
		}.URL()}
	}
	velero := place(map[string]string{"live": "shop"})
	velero.Kind = "velero"
	r := &check.Runner{Servers: map[string]drill.Server{
		"one":    place(map[string]string{"live": "shop"}),
		"two":    place(map[string]string{"live": "shop", "pay": "payments"}),
		"none":   place(nil),
		"velero": velero,
		"main":   {Kind: "postgres", URL: "postgres://localhost/shop"},
		"broken": {Kind: "kubernetes", URL: "postgres://localhost/shop"},
	}}
	for name, c := range map[string]struct {
		surface, namespace, resource string
		want                         want
	}{
		"the one namespace":        {"one", "", "pod/one", want{drill.Pass, "pod/one in namespace shop", "ready", "", ""}},
		"what Velero has restored": {"velero", "", "pod/one", pass("ready")},
		"by its live name":         {"two", "live", "pod/one", want{drill.Pass, "pod/one in namespace shop", "", "", ""}},
		"by its own name":          {"two", "{{two.namespace.live}}", "pod/one", pass("ready")},
		"a namespace":              {"two", "", "ns/live", want{drill.Pass, "namespace/shop", "", "1 of 1 pod ready", ""}},
		"a node":                   {"two", "", "node/n", want{drill.Pass, "node/n", "", "Ready is True", ""}},
		"one of several":           {"two", "", "pod/one", fail("namespace must be set to one of those of surface two: live, pay")},
		"one of none":              {"none", "", "all", fail("namespace must be set to one of those of surface none: it has none")},
		"another namespace":        {"two", "other", "pod/one", fail("surface two has no namespace other: there is live, pay")},
		"another namespace's pods": {"two", "", "ns/other", fail("surface two has no namespace other")},
		"another kind of surface":  {"main", "", "pod/one", fail("surface main is of kind postgres, which a check of kind kubernetes can't ask")},
		"an unknown surface":       {"mian", "", "pod/one", fail(`surface "mian" was not restored`)},
		"no place":                 {"broken", "", "pod/one", fail("a place on a cluster must be like")},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, r, drill.Check{Kind: drill.CheckKubernetes, Surface: c.surface, Namespace: c.namespace, Resource: c.resource}, c.want)
		})
	}
}

func TestKubernetesAll(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	const deployments, statefulSets, daemonSets = shopApps + "deployments?", shopApps + "statefulsets?", shopApps + "daemonsets?"
	const jobs, claims, pods = shopBatch + "jobs?", shopCore + "persistentvolumeclaims?", shopCore + "pods?"
	item := func(name, rest string) string { return object("v1", "Item", name, rest) }
	claim := func(name, class, phase string) string {
		return item(name, `"spec":{"storageClassName":"`+class+`"},"status":{"phase":"`+phase+`"}`)
	}
	ready := item("api", `"spec":{"replicas":1},"status":{"observedGeneration":3,"replicas":1,"updatedReplicas":1,"availableReplicas":1}`)
	a.put("/apis/storage.k8s.io/v1/storageclasses/late", "storage.k8s.io/v1", "StorageClass", `"provisioner":"x","volumeBindingMode":"WaitForFirstConsumer"`)
	a.put("/apis/storage.k8s.io/v1/storageclasses/soon", "storage.k8s.io/v1", "StorageClass", `"provisioner":"x","volumeBindingMode":"Immediate"`)
	kubeconfig := a.kubeconfig(t, a.URL, token)
	for name, c := range map[string]struct {
		pages map[string][]string
		want  want
	}{
		"nothing": {nil, want{drill.Fail, "all in namespace shop", "ready", "0 of 0", "there is no workload and no claim"}},
		"all is well": {map[string][]string{
			deployments:  {ready, item("off", `"spec":{"replicas":0},"status":{"observedGeneration":3}`)},
			daemonSets:   {item("nowhere", `"status":{"observedGeneration":3}`)},
			statefulSets: {item("db", `"spec":{"replicas":1},"status":{"observedGeneration":3,"readyReplicas":1}`)},
			jobs:         {item("later", `"spec":{"suspend":true}`) + "," + item("done", `"status":{"conditions":[{"type":"Complete","status":"True"}]}`)},
			claims:       {claim("data", "soon", "Bound") + "," + claim("unused", "late", "Pending")},
		}, want{drill.Pass, "", "ready", "8 of 8", ""}},
		"some are not": {map[string][]string{
			deployments: {ready},
			jobs:        {item("import", `"status":{"conditions":[{"type":"Failed","status":"True","reason":"DeadlineExceeded"}]}`)},
			claims:      {claim("data", "soon", "Pending") + "," + claim("gone", "soon", "Lost") + "," + claim("odd", "absent", "")},
		}, want{drill.Fail, "", "", "1 of 5", "jobs/import: it has failed: DeadlineExceeded; persistentvolumeclaims/data: it is pending; " +
			"persistentvolumeclaims/gone: it is lost; persistentvolumeclaims/odd: it is pending"}},
		"a claim that a pod waits for": {map[string][]string{
			claims: {claim("data", "late", "Pending")},
			pods:   {object("v1", "Pod", "p", `"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"data"}}]}`)},
		}, fail("persistentvolumeclaims/data: it is pending")},
		"more than can be named": {map[string][]string{
			claims: {claim("a", "soon", "Lost") + "," + claim("b", "soon", "Lost") + "," + claim("c", "soon", "Lost") + "," +
				claim("d", "soon", "Lost") + "," + claim("e", "soon", "Lost") + "," + claim("f", "soon", "Lost")},
		}, fail("persistentvolumeclaims/e: it is lost; and 1 more")},
		"what is none": {map[string][]string{deployments: {item("api", `"spec":[]`)}}, fail("read a Item")},
	} {
		t.Run(name, func(t *testing.T) {
			a.mu.Lock()
			for _, path := range []string{deployments, statefulSets, daemonSets, jobs, claims, pods} {
				a.pages[path] = []string{""}
				if pages, given := c.pages[path]; given {
					a.pages[path] = pages
				}
			}
			a.mu.Unlock()
			try(t, &check.Runner{}, drill.Check{Kind: drill.CheckKubernetes, Kubeconfig: kubeconfig, Resource: "all"}, c.want)
		})
	}
}
