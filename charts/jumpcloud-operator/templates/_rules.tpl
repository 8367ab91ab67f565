{{- /* What the operator may do in the namespaces of its users. Integration tests run it with exactly this, and compare it
       with a list; the command check and docs/security.md have lists of their own. */ -}}
{{- define "jumpcloud-operator.rules" -}}
# Specs belong to people: the operator reads them and never writes them.
- apiGroups: [jumpcloud-operator.dev]
  resources: [jumpcloudconnections, jumpclouduserbatches, scheduleduserstates]
  verbs: [get, list, watch]
# The finalizer of a schedule, while something in JumpCloud must be cancelled when it is deleted. Finalizers are
# metadata, and Kubernetes cannot restrict a patch to them; the operator's patches hold nothing else.
- apiGroups: [jumpcloud-operator.dev]
  resources: [scheduleduserstates]
  verbs: [patch]
# Status is written by patch only, the record of what was sent included.
- apiGroups: [jumpcloud-operator.dev]
  resources: [jumpcloudconnections/status, jumpclouduserbatches/status, scheduleduserstates/status]
  verbs: [patch]
# Secrets are read one by one, when a connection names them; never listed, never watched.
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.rbac.secretNames }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  verbs: [get]
# One event per thing that happened; patch counts repetitions.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
