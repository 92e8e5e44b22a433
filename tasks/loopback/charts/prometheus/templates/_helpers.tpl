{{- /* (dict "root" . "component" "server" "of" .Values.server) */ -}}
{{- define "prometheus.name" -}}
{{ .of.fullnameOverride | default (printf "%s-prometheus-%s" .root.Release.Name .component) }}
{{- end }}

{{- define "prometheus.matchLabels" -}}
app: prometheus
component: {{ .component }}
release: {{ .root.Release.Name }}
{{- end }}

{{- define "prometheus.labels" -}}
{{ include "prometheus.matchLabels" . }}
chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
heritage: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "prometheus.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" }}
{{- with index $.of $key }}
{{ $key }}:
  {{- . | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
