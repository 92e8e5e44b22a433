{{- define "dask-gateway.fullname" -}}
{{ .Release.Name }}-dask-gateway
{{- end }}

{{- /* (dict "root" . "component" "gateway") */ -}}
{{- define "dask-gateway.matchLabels" -}}
app.kubernetes.io/name: dask-gateway
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "dask-gateway.labels" -}}
{{ include "dask-gateway.matchLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
gateway.dask.org/instance: {{ include "dask-gateway.fullname" .root }}
{{- end }}

{{- /* (dict "root" . "of" .Values.gateway) */ -}}
{{- define "dask-gateway.placement" -}}
{{- with .of.nodeSelector }}
nodeSelector:
  {{- . | toYaml | nindent 2 }}
{{- end }}
{{- with .of.affinity }}
affinity:
  {{- . | toYaml | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations:
  {{- . | toYaml | nindent 2 }}
{{- end }}
{{- end }}
