//go:build kubernetes

package servers

import "strings"

// Application is manifests of one that runs in a namespace: those that are
// given, which want a Deployment web and a ServiceAccount web among them, and
// after them what every application of the tests has beside. NAMESPACE stands
// for the namespace in both.
func Application(namespace, manifests string) string {
	return strings.ReplaceAll(manifests+"\n---\n"+beside, "NAMESPACE", namespace)
}

const beside = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: queue}
spec:
  serviceName: queue
  selector: {matchLabels: {app: queue}}
  template:
    metadata: {labels: {app: queue}}
    spec: {containers: [{name: queue, image: queue}]}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: single}
spec: {containers: [{name: single, image: single}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 1 1 1 *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: once, image: once}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {external-dns.alpha.kubernetes.io/hostname: shop.example.com}}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: queue}
spec: {clusterIP: None, selector: {app: queue}, ports: [{port: 80}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: web, namespace: NAMESPACE}]
`
