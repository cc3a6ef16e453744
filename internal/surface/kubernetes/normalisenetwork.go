package kubernetes

// dropReachingOut drops the annotations by which services and ingresses become
// known outside: an environment has none of them.
func dropReachingOut(body map[string]any) {
	metadata := fieldsOf(body, "metadata")
	annotations := fieldsOf(metadata, "annotations")
	for name := range annotations {
		if reachesOut(name) {
			delete(annotations, name)
		}
	}
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	if len(metadata) == 0 {
		delete(body, "metadata")
	}
}

// normaliseService drops the addresses and ports that a cluster gives, and
// how a service is reached from outside.
func normaliseService(body map[string]any, _ map[string]string) {
	dropReachingOut(body)
	spec := fieldsOf(body, "spec")
	if spec["clusterIP"] != "None" {
		delete(spec, "clusterIP")
	}
	if spec["type"] != "ExternalName" {
		delete(spec, "type")
	}
	drop(spec, "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort", "externalTrafficPolicy",
		"allocateLoadBalancerNodePorts", "loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges", "externalIPs")
	for _, port := range mapsOf(spec, "ports") {
		delete(port, "nodePort")
	}
}

// normaliseIngress drops hosts. A default backend alone becomes the rule that
// an environment has in its place.
func normaliseIngress(body map[string]any, _ map[string]string) {
	dropReachingOut(body)
	spec := fieldsOf(body, "spec")
	if backend := spec["defaultBackend"]; backend != nil && len(listAt(spec, "rules")) == 0 {
		delete(spec, "defaultBackend")
		spec["rules"] = []any{map[string]any{
			"http": map[string]any{"paths": []any{map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}}},
		}}
	}
	for _, rule := range mapsOf(spec, "rules") {
		delete(rule, "host")
	}
	for _, tls := range mapsOf(spec, "tls") {
		delete(tls, "hosts")
	}
}

// normaliseRoute drops the hosts of routes and gateways of the Gateway API.
func normaliseRoute(body map[string]any) {
	dropReachingOut(body)
	spec := fieldsOf(body, "spec")
	delete(spec, "hostnames")
	for _, listener := range mapsOf(spec, "listeners") {
		delete(listener, "hostname")
	}
}
