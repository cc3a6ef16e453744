{{- define "lifeboat.image" -}}
{{- $image := .Values.image -}}
{{- $repository := ternary .Values.embedded.image.repository $image.repository .Values.embedded.enabled -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/* Variables whose values are files of the volume "secrets": the name of each, with the Secret and the key. */}}
{{- define "lifeboat.secretFiles" -}}
{{- $files := deepCopy .root.Values.secrets -}}
{{- if has .component (list "apiserver" "embedded") -}}
{{- with .root.Values.apiserver.adminKey -}}
{{- if .existingSecret -}}{{- $_ := set $files "LIFEBOAT_ADMIN_KEY" (dict "name" .existingSecret "key" .key) -}}{{- end -}}
{{- end -}}
{{- with .root.Values.apiserver.sessionKey -}}
{{- if .existingSecret -}}{{- $_ := set $files "LIFEBOAT_SESSION_KEY" (dict "name" .existingSecret "key" .key) -}}{{- end -}}
{{- end -}}
{{- with .root.Values.metrics.token -}}
{{- if .existingSecret -}}{{- $_ := set $files "LIFEBOAT_METRICS_TOKEN" (dict "name" .existingSecret "key" .key) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- if not .root.Values.embedded.enabled -}}
{{- with .root.Values.temporal.apiKey -}}
{{- if .existingSecret -}}{{- $_ := set $files "TEMPORAL_API_KEY" (dict "name" .existingSecret "key" .key) -}}{{- end -}}
{{- end -}}
{{- with .root.Values.temporal.codecKey -}}
{{- if .existingSecret -}}{{- $_ := set $files "TEMPORAL_CODEC_KEY" (dict "name" .existingSecret "key" .key) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{- define "lifeboat.podMetadata" -}}
{{- $role := get .root.Values .role -}}
labels:
  {{- include "lifeboat.selector" . | nindent 2 }}
  {{- with .root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $role.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ include "lifeboat.config" .root | sha256sum }}
  {{- with $role.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "lifeboat.podSecurity" -}}
automountServiceAccountToken: {{ .asks }}
serviceAccountName: {{ include "lifeboat.account" . }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where pods go. */}}
{{- define "lifeboat.podPlacement" -}}
{{- $role := get .root.Values .role -}}
{{- with $role.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $role.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $role.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $role.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- if $role.topologySpreadConstraints }}
  {{- toYaml $role.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "lifeboat.selector" . | nindent 8 }}
  {{- end }}
{{- end -}}

{{- define "lifeboat.container" -}}
{{- $role := get .root.Values .role -}}
image: {{ include "lifeboat.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - name: LIFEBOAT_CONFIG
    value: /etc/lifeboat/config/lifeboat.yaml
  - name: LIFEBOAT_DATA_DIR
    value: /var/lib/lifeboat
  - name: LIFEBOAT_LISTEN
    value: 0.0.0.0:8080
  {{- range $name, $_ := include "lifeboat.secretFiles" . | fromYaml }}
  - name: {{ $name }}_FILE
    value: /etc/lifeboat/secrets/{{ $name }}
  {{- end }}
  {{- with $role.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml $role.resources | nindent 2 }}
volumeMounts:
  - {name: config, mountPath: /etc/lifeboat/config, readOnly: true}
  {{- if include "lifeboat.secretFiles" . | fromYaml }}
  - {name: secrets, mountPath: /etc/lifeboat/secrets, readOnly: true}
  {{- end }}
  {{- if and .root.Values.temporal.tls.existingSecret (not .root.Values.embedded.enabled) }}
  - {name: temporal-tls, mountPath: /etc/lifeboat/temporal, readOnly: true}
  {{- end }}
  - {name: data, mountPath: /var/lib/lifeboat}
  - {name: tmp, mountPath: /tmp}
  {{- if eq .role "worker" }}
  - {name: shared-memory, mountPath: /dev/shm}
  {{- end }}
  {{- with $role.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Every volume but "data". */}}
{{- define "lifeboat.volumes" -}}
{{- $role := get .root.Values .role -}}
- name: config
  {{- if .root.Values.existingConfigSecret }}
  secret: {secretName: {{ .root.Values.existingConfigSecret }}, defaultMode: 288}
  {{- else }}
  configMap: {name: {{ include "lifeboat.fullname" .root }}}
  {{- end }}
{{- with include "lifeboat.secretFiles" . | fromYaml }}
- name: secrets
  projected:
    defaultMode: 288 # 0440
    sources:
      {{- range $name, $from := . }}
      - secret: {name: {{ $from.name }}, items: [{key: {{ $from.key | quote }}, path: {{ $name }}}]}
      {{- end }}
{{- end }}
{{- with .root.Values.temporal.tls }}
{{- if and .existingSecret (not $.root.Values.embedded.enabled) }}
- name: temporal-tls
  secret: {secretName: {{ .existingSecret }}, defaultMode: 288}
{{- end }}
{{- end }}
- name: tmp
  emptyDir: {}
{{- if eq .role "worker" }}
- name: shared-memory
  emptyDir: {medium: Memory, sizeLimit: {{ .root.Values.worker.sharedMemory }}}
{{- end }}
{{- with $role.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lifeboat.apiProbes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 3
{{- end -}}
