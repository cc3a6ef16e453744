//go:build kubernetes

package kubernetes

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// fill makes an application in a namespace, with something of everything that
// a restore treats in a way of its own.
func fill(t testing.TB, namespace string) {
	t.Helper()
	kube.Apply(t, namespace, servers.Application(namespace, application))
}

const application = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.NAMESPACE.example.com}
spec:
  group: NAMESPACE.example.com
  names: {kind: Shop, plural: shops, singular: shop, listKind: ShopList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
---
apiVersion: NAMESPACE.example.com/v1
kind: Shop
metadata: {name: main, finalizers: []}
spec: {size: 3}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
imagePullSecrets: [{name: registry}]
---
apiVersion: v1
kind: Secret
metadata: {name: registry, labels: {app: web}}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Secret
metadata: {name: long-lived, annotations: {kubernetes.io/service-account.name: web}}
type: kubernetes.io/service-account-token
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {log.level: debug, size: "3"}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers: [{name: web, image: web, env: [{name: LEVEL, value: hunter2}]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: waiting}
spec:
  suspend: true
  template: {spec: {restartPolicy: Never, containers: [{name: once, image: once}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
  tls: [{hosts: [shop.example.com], secretName: registry}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {}
  policyTypes: [Egress, Ingress]
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}]}]
  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {podSelector: {}}]}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAMESPACE-viewer}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NAMESPACE-viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAMESPACE-viewer}
subjects: [{kind: ServiceAccount, name: web, namespace: NAMESPACE}, {kind: User, apiGroup: rbac.authorization.k8s.io, name: jane}]
`
