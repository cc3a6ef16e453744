{{/* A Role or ClusterRole with its binding. Takes root, role (apiserver or worker),
name, rules as YAML, and namespace; without one they are of the whole cluster, and
get the release's namespace into their name. */}}
{{- define "lifeboat.role" -}}
{{- $full := printf "%s-%s" (include "lifeboat.fullname" .root) .name -}}
{{- if not .namespace -}}{{- $full = printf "%s-%s" .root.Release.Namespace $full -}}{{- end -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if not .namespace }}Cluster{{ end }}Role
metadata:
  name: {{ $full }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "lifeboat.labels" (dict "root" .root "component" .role) | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ if not .namespace }}Cluster{{ end }}RoleBinding
metadata:
  name: {{ $full }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "lifeboat.labels" (dict "root" .root "component" .role) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ if not .namespace }}Cluster{{ end }}Role
  name: {{ $full }}
subjects:
  - kind: ServiceAccount
    name: {{ include "lifeboat.account" . }}
    namespace: {{ .root.Release.Namespace }}
{{ end -}}

{{/* docs/kubernetes.md, "Permissions" */}}
{{- define "lifeboat.rules.read" -}}
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list]}
{{- end -}}
{{- define "lifeboat.rules.volumes" -}}
- {apiGroups: [""], resources: [nodes/proxy], verbs: [get]}
{{- end -}}
{{- define "lifeboat.rules.restore" -}}
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list, create, patch, update]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [bind, escalate]}
# A binding in the point may be of a role of the cluster.
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind]}
{{- end -}}
{{- define "lifeboat.rules.environments" -}}
- {apiGroups: ["*"], resources: ["*"], verbs: [get, list, create, patch, update, delete]}
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, clusterroles], verbs: [bind, escalate]}
{{- end -}}

{{/* docs/velero.md, "What Lifeboat needs to be allowed" */}}
{{- define "lifeboat.rules.velero" -}}
- {apiGroups: [velero.io], resources: [backupstoragelocations, schedules], verbs: [get, list, create, patch, delete]}
- {apiGroups: [velero.io], resources: [backups, restores], verbs: [get, list, create]}
- {apiGroups: [velero.io], resources: [downloadrequests, serverstatusrequests], verbs: [get, create, delete]}
- {apiGroups: [velero.io], resources: [podvolumebackups, podvolumerestores], verbs: [list]}
- {apiGroups: [""], resources: [configmaps], verbs: [create, delete]}
- {apiGroups: [apps], resources: [deployments], verbs: [get]}
{{- with .Values.rbac.velero.caSecrets }}
- {apiGroups: [""], resources: [secrets], verbs: [get], resourceNames: [{{ join ", " . }}]}
{{- end }}
{{- end -}}
{{- define "lifeboat.rules.list" -}}
- {apiGroups: ["*"], resources: ["*"], verbs: [list]}
{{- end -}}

{{/* docs/cnpg.md, "What Lifeboat may": where copies are made, where a source is, and
where an object store of the cluster is. */}}
{{- define "lifeboat.rules.cnpgCopies" -}}
- {apiGroups: [""], resources: [namespaces], verbs: [{{ if .Values.rbac.cnpg.environmentNamespace }}get{{ else }}get, create, delete{{ end }}]}
- {apiGroups: [""], resources: [secrets], verbs: [get, list, create, delete]}
- {apiGroups: [""], resources: [configmaps, services, pods, persistentvolumeclaims], verbs: [get, list, create, delete]}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
- {apiGroups: [batch], resources: [jobs], verbs: [list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [get, list, create, delete]}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters, imagecatalogs], verbs: [get, list, create, delete]}
- {apiGroups: [barmancloud.cnpg.io], resources: [objectstores], verbs: [get, list, create, delete]}
{{- end -}}
{{- define "lifeboat.rules.cnpgSource" -}}
- {apiGroups: [""], resources: [secrets, configmaps, services, pods, persistentvolumeclaims], verbs: [get, list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters, imagecatalogs], verbs: [get, list]}
- {apiGroups: [barmancloud.cnpg.io], resources: [objectstores], verbs: [get, list]}
{{- end -}}
{{- define "lifeboat.rules.cnpgStore" -}}
- {apiGroups: [""], resources: [services], verbs: [get, list]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
{{- end -}}
{{/* The API server tells which moments a source can be put back to, and how a copy is reached. */}}
{{- define "lifeboat.rules.cnpgWindow" -}}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters], verbs: [get, list]}
- {apiGroups: [barmancloud.cnpg.io], resources: [objectstores], verbs: [get, list]}
{{- end -}}
{{- define "lifeboat.rules.cnpgReach" -}}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters], verbs: [get, list]}
- {apiGroups: [""], resources: [services], verbs: [get, list]}
- {apiGroups: [""], resources: [secrets], verbs: [get]}
{{- end -}}
