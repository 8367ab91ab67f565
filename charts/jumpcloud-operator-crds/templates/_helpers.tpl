{{- define "jumpcloud-operator-crds.labels" -}}
{{- $own := dict "app.kubernetes.io/name" .Chart.Name "app.kubernetes.io/instance" .Release.Name -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "jumpcloud-operator" -}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end -}}

{{- /* The line `annotations:` with its content; nothing when there are none. */ -}}
{{- define "jumpcloud-operator-crds.crdAnnotations" -}}
{{- $all := deepCopy .Values.commonAnnotations -}}
{{- if .Values.keep -}}
{{- $_ := set $all "helm.sh/resource-policy" "keep" -}}
{{- end -}}
{{- if $all -}}
annotations:
  {{- toYaml $all | nindent 2 }}
{{- end -}}
{{- end -}}
