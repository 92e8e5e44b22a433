{{- /* Called with the root, or with (dict "root" . "component" "hub") */ -}}
{{- define "jupyterhub.matchLabels" -}}
app: jupyterhub
component: {{ .component }}
release: {{ .root.Release.Name }}
{{- end }}

{{- define "jupyterhub.labels" -}}
{{ include "jupyterhub.matchLabels" . }}
chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
heritage: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "jupyterhub.pdb.apiVersion" -}}
{{- if .Capabilities.APIVersions.Has "policy/v1" }}policy/v1{{ else }}policy/v1beta1{{ end }}
{{- end }}

{{- /* (dict "root" . "purpose" "core"): tolerations and node affinity of core or user pods */ -}}
{{- define "jupyterhub.placement" -}}
{{- $pods := index .root.Values.scheduling (printf "%sPods" .purpose) -}}
tolerations:
  {{- $pods.tolerations | toYaml | nindent 2 }}
{{- $term := printf "- key: hub.jupyter.org/node-purpose\n  operator: In\n  values: [%s]" .purpose }}
{{- if eq $pods.nodeAffinity.matchNodePurpose "require" }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            {{- $term | nindent 12 }}
{{- else if eq $pods.nodeAffinity.matchNodePurpose "prefer" }}
affinity:
  nodeAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions:
            {{- $term | nindent 12 }}
{{- end }}
{{- end }}

{{- define "jupyterhub.priority" -}}
{{- if .Values.scheduling.podPriority.enabled }}
priorityClassName: {{ .Release.Name }}-default-priority
{{- end }}
{{- end }}

{{- /*
A secret of the hub's: (dict "root" . "key" "hub.config.…" "value" what the values say). What the values don't say is taken
from the Secret that is already there, and only if there is none, made up: so an upgrade changes nothing by itself.
*/ -}}
{{- define "jupyterhub.kept" -}}
{{- if .value }}
{{- .value }}
{{- else }}
{{- $there := lookup "v1" "Secret" .root.Release.Namespace "hub" | default dict }}
{{- $data := $there.data | default dict }}
{{- if hasKey $data .key }}
{{- index $data .key | b64dec }}
{{- else }}
{{- randAlphaNum 64 | sha256sum }}
{{- end }}
{{- end }}
{{- end }}
