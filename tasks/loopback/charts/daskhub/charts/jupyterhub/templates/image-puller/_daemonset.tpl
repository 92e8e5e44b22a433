{{- /*
A pod on each user node that does nothing but need the image. (dict "root" . "component" "…" "hook" true|false); the hook's
one is there only while an upgrade waits for it.
*/ -}}
{{- define "jupyterhub.puller" -}}
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: {{ .component }}
  labels:
    {{- include "jupyterhub.labels" . | nindent 4 }}
    {{- if .hook }}
    hub.jupyter.org/deletable: "true"
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-weight: "-10"
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "jupyterhub.matchLabels" . | nindent 6 }}
  updateStrategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 100%
  template:
    metadata:
      labels:
        {{- include "jupyterhub.matchLabels" . | nindent 8 }}
    spec:
      {{- include "jupyterhub.placement" (dict "root" .root "purpose" "user") | nindent 6 }}
      terminationGracePeriodSeconds: 0
      automountServiceAccountToken: false
      initContainers:
        - name: image-pull-singleuser
          image: {{ .root.Values.singleuser.image.name }}:{{ .root.Values.singleuser.image.tag }}
          command: [/bin/sh, -c, echo "The image is here"]
        {{- range $name, $image := .root.Values.prePuller.extraImages }}
        - name: image-pull-{{ $name }}
          image: {{ $image.name }}:{{ $image.tag }}
          command: [/bin/sh, -c, echo "The image is here"]
        {{- end }}
      containers:
        - name: pause
          image: {{ .root.Values.prePuller.pause.image.name }}:{{ .root.Values.prePuller.pause.image.tag }}
{{- end }}
