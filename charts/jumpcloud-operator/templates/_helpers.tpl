{{- /* Names, labels and the parts that several objects share. */ -}}

{{- define "jumpcloud-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* Cut to 50 characters, so that what is appended still makes a valid name. */ -}}
{{- define "jumpcloud-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "jumpcloud-operator.baseLabels" -}}
app.kubernetes.io/name: {{ include "jumpcloud-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /* What Services, policies and the Deployment select by: the operator's Pods, and not the Pod of `helm test`. */ -}}
{{- define "jumpcloud-operator.selectorLabels" -}}
{{ include "jumpcloud-operator.baseLabels" . }}
app.kubernetes.io/component: operator
{{- end -}}

{{- /* Labels of an object. */ -}}
{{- define "jumpcloud-operator.labels" -}}
{{- $own := include "jumpcloud-operator.baseLabels" . | fromYaml -}}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $_ := set $own "helm.sh/chart" $chart -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "jumpcloud-operator" -}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end -}}

{{- /* The line `annotations:` with commonAnnotations and those of `extra`; nothing when there are none.
       Called with a dict of root and extra. */ -}}
{{- define "jumpcloud-operator.annotations" -}}
{{- $all := merge (dict) (default (dict) .extra) .root.Values.commonAnnotations -}}
{{- if $all -}}
annotations:
  {{- toYaml $all | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* The same for a custom resource definition. Called with the root. */ -}}
{{- define "jumpcloud-operator.crdAnnotations" -}}
{{- $own := deepCopy .Values.crds.annotations -}}
{{- if .Values.crds.keep -}}
{{- $_ := set $own "helm.sh/resource-policy" "keep" -}}
{{- end -}}
{{- include "jumpcloud-operator.annotations" (dict "root" . "extra" $own) -}}
{{- end -}}

{{- define "jumpcloud-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "jumpcloud-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "jumpcloud-operator.leaseName" -}}
{{- default (include "jumpcloud-operator.fullname" .) .Values.leaderElection.leaseName -}}
{{- end -}}

{{- define "jumpcloud-operator.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- if $registry }}{{ trimSuffix "/" $registry }}/{{ end -}}
{{- .Values.image.repository }}:{{ $tag -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- /* The line `imagePullSecrets:` with those of the chart and of `global`; nothing when there are none. */ -}}
{{- define "jumpcloud-operator.imagePullSecrets" -}}
{{- $all := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $all = append $all (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with $all | uniq -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- /* "true" when there is a bundle of certificates, from wherever. */ -}}
{{- define "jumpcloud-operator.hasCaBundle" -}}
{{- if or .Values.caBundle.inline .Values.caBundle.configMap.name .Values.caBundle.secret.name -}}true{{- end -}}
{{- end -}}

{{- define "jumpcloud-operator.caFile" -}}/etc/jumpcloud-operator/ca/ca.crt{{- end -}}

{{- /* The volume of the bundle, as the one item of a list; nothing without a bundle. */ -}}
{{- define "jumpcloud-operator.caVolume" -}}
{{- with .Values.caBundle -}}
{{- if .secret.name -}}
- name: ca-bundle
  secret:
    secretName: {{ .secret.name | quote }}
    items:
      - key: {{ .secret.key | quote }}
        path: ca.crt
{{- else if or .inline .configMap.name -}}
- name: ca-bundle
  configMap:
    name: {{ default (printf "%s-ca" (include "jumpcloud-operator.fullname" $)) .configMap.name | quote }}
    items:
      - key: {{ if .inline }}ca.crt{{ else }}{{ .configMap.key | quote }}{{ end }}
        path: ca.crt
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "jumpcloud-operator.caMount" -}}
{{- if include "jumpcloud-operator.hasCaBundle" . -}}
- name: ca-bundle
  mountPath: {{ dir (include "jumpcloud-operator.caFile" .) }}
  readOnly: true
{{- end -}}
{{- end -}}

{{- /* The variable of a proxy whose address is in a Secret, as the one item of a list; nothing without. */ -}}
{{- define "jumpcloud-operator.proxyEnv" -}}
{{- with .Values.proxy.existingSecret -}}
{{- if .name -}}
- name: JUMPCLOUD_OPERATOR_HTTPS_PROXY
  valueFrom:
    secretKeyRef:
      name: {{ .name | quote }}
      key: {{ .key | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Arguments that say how JumpCloud is reached: those of `run` and of `api`. */ -}}
{{- define "jumpcloud-operator.outboundArgs" -}}
{{- $args := list -}}
{{- range .Values.allowedAPIURLs -}}
{{- $args = append $args (printf "--allowed-api-url=%s" .) -}}
{{- end -}}
{{- if include "jumpcloud-operator.hasCaBundle" . -}}
{{- $args = append $args (printf "--ca-file=%s" (include "jumpcloud-operator.caFile" .)) -}}
{{- end -}}
{{- with .Values.proxy.url -}}
{{- $args = append $args (printf "--https-proxy=%s" .) -}}
{{- end -}}
{{- if $args -}}
{{- toYaml $args -}}
{{- end -}}
{{- end -}}

{{- /* The names of the Secrets that are watched, by namespace. */ -}}
{{- define "jumpcloud-operator.watchedSecrets" -}}
{{- $all := dict -}}
{{- range .Values.secrets.watch -}}
{{- $namespace := splitList "/" . | first -}}
{{- $_ := set $all $namespace (append (get $all $namespace | default list) (splitList "/" . | last)) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- /* Arguments that say where the operator works, which Secrets it watches and under which Lease: those of `run` and of
       `check`. */ -}}
{{- define "jumpcloud-operator.placeArgs" -}}
{{- $args := list -}}
{{- range .Values.watchNamespaces -}}
{{- $args = append $args (printf "--watch-namespace=%s" .) -}}
{{- end -}}
{{- range .Values.secrets.watch -}}
{{- $args = append $args (printf "--watch-secret=%s" .) -}}
{{- end -}}
{{- $args = append $args (printf "--leader-elect=%t" .Values.leaderElection.enabled) -}}
{{- if .Values.leaderElection.enabled -}}
{{- $args = append $args (printf "--lease-namespace=%s" .Release.Namespace) -}}
{{- $args = append $args (printf "--lease-name=%s" (include "jumpcloud-operator.leaseName" .)) -}}
{{- end -}}
{{- toYaml $args -}}
{{- end -}}

{{- /* Every argument of `run`. */ -}}
{{- define "jumpcloud-operator.runArgs" -}}
{{- $args := concat (list "run") (include "jumpcloud-operator.placeArgs" . | fromYamlArray) -}}
{{- with .Values.leaderElection -}}
{{- if .enabled -}}
{{- $args = append $args (printf "--lease-duration=%s" .leaseDuration) -}}
{{- $args = append $args (printf "--lease-renew-deadline=%s" .renewDeadline) -}}
{{- $args = append $args (printf "--lease-retry-period=%s" .retryPeriod) -}}
{{- else -}}
{{- /* The operator compares submitTimeout with it in any case. */ -}}
{{- $args = append $args (printf "--lease-renew-deadline=%s" .renewDeadline) -}}
{{- end -}}
{{- end -}}
{{- with .Values.watchSelector -}}
{{- $args = append $args (printf "--watch-selector=%s" .) -}}
{{- end -}}
{{- with include "jumpcloud-operator.outboundArgs" . -}}
{{- $args = concat $args (fromYamlArray .) -}}
{{- end -}}
{{- $args = append $args (printf "--read-only=%t" .Values.readOnly) -}}
{{- $args = append $args (printf "--concurrency=%d" (int .Values.concurrency)) -}}
{{- $args = append $args (printf "--admin-address=[::]:%d" (int .Values.adminPort)) -}}
{{- with .Values.timing -}}
{{- $args = append $args (printf "--submit-timeout=%s" .submitTimeout) -}}
{{- $args = append $args (printf "--unknown-quarantine=%s" .unknownQuarantine) -}}
{{- $args = append $args (printf "--poll-min=%s" .pollMin) -}}
{{- $args = append $args (printf "--poll-max=%s" .pollMax) -}}
{{- $args = append $args (printf "--secret-poll-interval=%s" .secretPollInterval) -}}
{{- $args = append $args (printf "--cleanup-timeout=%s" .cleanupTimeout) -}}
{{- end -}}
{{- $args = append $args (printf "--log-format=%s" .Values.log.format) -}}
{{- $args = append $args (printf "--log-level=%s" .Values.log.level) -}}
{{- toYaml (concat $args .Values.extraArgs) -}}
{{- end -}}

{{- /* Constraints of spreading, each with the selector of these Pods where it has none. */ -}}
{{- define "jumpcloud-operator.topologySpreadConstraints" -}}
{{- $selector := dict "matchLabels" (include "jumpcloud-operator.selectorLabels" . | fromYaml) -}}
{{- $all := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $constraint := deepCopy . -}}
{{- if not (hasKey $constraint "labelSelector") -}}
{{- $_ := set $constraint "labelSelector" $selector -}}
{{- end -}}
{{- $all = append $all $constraint -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- /* NAMESPACE/NAME of the connection that `helm test` tries; nothing when there is none. */ -}}
{{- define "jumpcloud-operator.testedConnection" -}}
{{- if .Values.tests.connection -}}
{{- .Values.tests.connection -}}
{{- else if .Values.connection.enabled -}}
{{- printf "%s/%s" (include "jumpcloud-operator.connectionNamespace" .) .Values.connection.name -}}
{{- end -}}
{{- end -}}

{{- define "jumpcloud-operator.connectionNamespace" -}}
{{- default .Release.Namespace .Values.connection.namespace -}}
{{- end -}}

{{- /* "true" when a monitor of this kind is to be written. Called with a dict of root and kind. */ -}}
{{- define "jumpcloud-operator.rendersMonitor" -}}
{{- $mode := .root.Values.metrics.renderMode -}}
{{- if or (eq $mode "alwaysRender") (.root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" .kind)) -}}
true
{{- else if eq $mode "failIfMissing" -}}
{{- fail (printf "the cluster does not know %s of monitoring.coreos.com/v1: install the Prometheus operator's definitions first, or set metrics.renderMode to skipIfMissing" .kind) -}}
{{- end -}}
{{- end -}}
