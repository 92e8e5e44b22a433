{{- define "grafana.fullname" -}}
{{ .Values.fullnameOverride | default (printf "%s-grafana" .Release.Name) }}
{{- end }}

{{- define "grafana.matchLabels" -}}
app.kubernetes.io/name: grafana
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "grafana.labels" -}}
{{ include "grafana.matchLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
