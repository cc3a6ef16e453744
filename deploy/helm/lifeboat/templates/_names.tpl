{{- define "lifeboat.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels by which the pods of the release are found; with a component, those of one. */}}
{{- define "lifeboat.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "lifeboat.labels" -}}
{{ include "lifeboat.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the component is called that answers the API. */}}
{{- define "lifeboat.api" -}}
{{- ternary "embedded" "apiserver" .Values.embedded.enabled -}}
{{- end -}}

{{/* What the component is called that does the work. */}}
{{- define "lifeboat.works" -}}
{{- ternary "embedded" "worker" .Values.embedded.enabled -}}
{{- end -}}

{{/* Whether the release runs something, an API, and workers: "true", or nothing. */}}
{{- define "lifeboat.hasAPI" -}}
{{- if or .Values.embedded.enabled .Values.apiserver.enabled }}true{{ end -}}
{{- end -}}
{{- define "lifeboat.hasWorker" -}}
{{- if or .Values.embedded.enabled .Values.worker.enabled }}true{{ end -}}
{{- end -}}
{{- define "lifeboat.runs" -}}
{{- if or (include "lifeboat.hasAPI" .) (include "lifeboat.hasWorker" .) }}true{{ end -}}
{{- end -}}

{{/* The service account of a role: apiserver or worker. The embedded one is that of a worker. */}}
{{- define "lifeboat.account" -}}
{{- $account := (get .root.Values .role).serviceAccount -}}
{{- if $account.create -}}
{{- default (printf "%s-%s" (include "lifeboat.fullname" .root) .role) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{/* Whether the accounts have anything to ask of the Kubernetes API: "true", or nothing. */}}
{{- define "lifeboat.workerAsks" -}}
{{- $k := .Values.rbac.kubernetes -}}
{{- if or $k.namespaces $k.cluster $k.volumes $k.restoreNamespaces $k.environments .Values.rbac.velero.enabled .Values.rbac.cnpg.sources }}true{{ end -}}
{{- end -}}
{{- define "lifeboat.apiserverAsks" -}}
{{- if .Values.rbac.cnpg.sources }}true{{ end -}}
{{- end -}}

{{/* What the schema can't see. */}}
{{- define "lifeboat.validate" -}}
{{- if include "lifeboat.runs" . -}}
{{- if and (not .Values.embedded.enabled) (not .Values.temporal.address) (not .Values.existingConfigSecret) -}}
{{- fail "temporal.address is missing: set it to HOST:PORT of your Temporal cluster, or set embedded.enabled" -}}
{{- end -}}
{{- if and .Values.embedded.enabled .Values.temporal.address -}}
{{- fail "temporal.address is set beside embedded.enabled, which has an engine of its own: choose one" -}}
{{- end -}}
{{- if and (not .Values.config) (not .Values.existingConfigSecret) -}}
{{- fail "config is missing: say at least which stores, surfaces and policies there are (or name existingConfigSecret)" -}}
{{- end -}}
{{- if and .Values.config .Values.existingConfigSecret -}}
{{- fail "config and existingConfigSecret are both set: choose one" -}}
{{- end -}}
{{- $keys := dig "admin" "keys" list .Values.config -}}
{{- if and (include "lifeboat.hasAPI" .) (not .Values.apiserver.adminKey.existingSecret) (not $keys) (not .Values.existingConfigSecret) -}}
{{- fail "apiserver.adminKey.existingSecret is missing: name a Secret with the first admin key, or set config.admin.keys" -}}
{{- end -}}
{{- if and .Values.apiserver.enabled (not .Values.embedded.enabled) (gt (int .Values.apiserver.replicas) 1) (not .Values.apiserver.sessionKey.existingSecret) (not .Values.apiserver.persistence.existingClaim) (not .Values.existingConfigSecret) -}}
{{- fail "apiserver.sessionKey.existingSecret is missing: with more than one API server, name a Secret with the key of sessions (openssl rand -base64 32)" -}}
{{- end -}}
{{- end -}}
{{- with .Values.apiserver.ingress -}}
{{- if and .enabled (or (not .host) (not .tlsSecret)) -}}
{{- fail "apiserver.ingress needs host and tlsSecret" -}}
{{- end -}}
{{- if and .enabled (not $.Values.metrics.token.existingSecret) (not (dig "metrics" "token" "" $.Values.config)) -}}
{{- fail "metrics.token.existingSecret is missing: the Ingress publishes /metrics as well, so name a Secret with the token that Prometheus shows (openssl rand -base64 32)" -}}
{{- end -}}
{{- end -}}
{{- end -}}
