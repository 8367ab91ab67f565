{{- /* Refuses values that contradict each other, where a schema cannot say so. */ -}}
{{- define "jumpcloud-operator.validate" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.leaderElection.enabled) -}}
{{- fail "replicas is above 1 without leader election, so that each would send every request: set leaderElection.enabled to true, or replicas to 1" -}}
{{- end -}}
{{- $sources := list -}}
{{- with .Values.caBundle -}}
{{- if .inline }}{{ $sources = append $sources "caBundle.inline" }}{{ end -}}
{{- if .configMap.name }}{{ $sources = append $sources "caBundle.configMap.name" }}{{ end -}}
{{- if .secret.name }}{{ $sources = append $sources "caBundle.secret.name" }}{{ end -}}
{{- end -}}
{{- if gt (len $sources) 1 -}}
{{- fail (printf "%s exclude each other: the operator reads one file; put the certificates into one of them" (join " and " $sources)) -}}
{{- end -}}
{{- if and .Values.proxy.url .Values.proxy.existingSecret.name -}}
{{- fail "proxy.url and proxy.existingSecret.name exclude each other: leave one empty" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.proxy.existingSecret.name (not .Values.networkPolicy.jumpCloud.ports) -}}
{{- fail "the proxy's address is in a Secret, so its port is not known to the NetworkPolicy: set networkPolicy.jumpCloud.ports" -}}
{{- end -}}
{{- range .Values.secrets.watch -}}
{{- $namespace := splitList "/" . | first -}}
{{- $name := splitList "/" . | last -}}
{{- if and $.Values.watchNamespaces (not (has $namespace $.Values.watchNamespaces)) -}}
{{- fail (printf "secrets.watch names %s, but namespace %s is not watched: add it to watchNamespaces, or take the Secret off" . $namespace) -}}
{{- end -}}
{{- if and $.Values.rbac.secretNames (not (has $name $.Values.rbac.secretNames)) -}}
{{- fail (printf "secrets.watch names %s, but the operator may not read Secrets named %s: add it to rbac.secretNames" . $name) -}}
{{- end -}}
{{- end -}}
{{- if .Values.podDisruptionBudget.enabled -}}
{{- if and (eq (toString .Values.podDisruptionBudget.minAvailable) "") (eq (toString .Values.podDisruptionBudget.maxUnavailable) "") -}}
{{- fail "podDisruptionBudget has neither minAvailable nor maxUnavailable: set one" -}}
{{- end -}}
{{- end -}}
{{- if .Values.connection.enabled -}}
{{- include "jumpcloud-operator.validateConnection" . -}}
{{- end -}}
{{- end -}}

{{- define "jumpcloud-operator.validateConnection" -}}
{{- $namespace := include "jumpcloud-operator.connectionNamespace" . -}}
{{- with .Values.connection -}}
{{- if and .apiKey.secretName .serviceAccount.secretName -}}
{{- fail "connection.apiKey.secretName and connection.serviceAccount.secretName exclude each other: leave one empty" -}}
{{- end -}}
{{- $secret := default .apiKey.secretName .serviceAccount.secretName -}}
{{- if not $secret -}}
{{- fail (printf "connection.enabled needs a credential: create a Secret in namespace %s and name it in connection.apiKey.secretName or connection.serviceAccount.secretName" $namespace) -}}
{{- end -}}
{{- if and .region .apiURL -}}
{{- fail "connection.region and connection.apiURL exclude each other: leave one empty" -}}
{{- end -}}
{{- if and .apiURL (not (has .apiURL $.Values.allowedAPIURLs)) -}}
{{- fail (printf "connection.apiURL %s is not allowed: add it to allowedAPIURLs" .apiURL) -}}
{{- end -}}
{{- if and $.Values.watchNamespaces (not (has $namespace $.Values.watchNamespaces)) -}}
{{- fail (printf "the connection's namespace %s is not watched: add it to watchNamespaces, or set connection.namespace" $namespace) -}}
{{- end -}}
{{- if and $.Values.rbac.secretNames (not (has $secret $.Values.rbac.secretNames)) -}}
{{- fail (printf "the operator may not read the connection's Secret %s: add it to rbac.secretNames" $secret) -}}
{{- end -}}
{{- end -}}
{{- end -}}
