{{/* Name of all objects: the release, with the chart unless the release is named after it. */}}
{{- define "nomyo-gateway.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which pods are selected: they never change. */}}
{{- define "nomyo-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "nomyo-gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "nomyo-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "nomyo-gateway.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Members of the config file that follow from other values. */}}
{{- define "nomyo-gateway.managed" -}}
keysFile: /etc/nomyo/secrets/api-keys.json
keyPasswordFile: /etc/nomyo/secrets/key-password
logFormat: json
drainDelay: {{ .Values.drain.delaySeconds }}s
drainTimeout: {{ .Values.drain.timeoutSeconds }}s
{{- if .Values.redis.enabled }}
redis:
  file: /etc/nomyo/secrets/redis-url
sharedKeys: true
requestKeys: redis
{{- else }}
keyDir: /state/keys
{{- end }}
{{- if .Values.tls.secretName }}
tlsCert: /etc/nomyo/tls/tls.crt
tlsKey: /etc/nomyo/tls/tls.key
{{- end }}
{{- if .Values.metrics.enabled }}
metricsHost: 0.0.0.0
metricsPort: {{ .Values.metrics.port }}
{{- end }}
{{- end -}}

{{/* The config file. A member that the chart sets cannot be set twice. */}}
{{- define "nomyo-gateway.config" -}}
{{- $managed := include "nomyo-gateway.managed" . | fromYaml -}}
{{- range $member := concat (keys $managed) (list "host" "port" "redis" "sharedKeys" "keyDir" "tlsCert" "tlsKey" "metricsHost" "metricsPort") -}}
{{- if hasKey $.Values.config $member -}}
{{- fail (printf "config.%s: the chart sets this member; see redis, persistence, tls, drain and metrics in its values" $member) -}}
{{- end -}}
{{- end -}}
{{- merge (dict) $managed .Values.config | toYaml -}}
{{- end -}}

{{/* Settings that contradict each other. */}}
{{- define "nomyo-gateway.check" -}}
{{- if not .Values.redis.enabled -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}
{{- fail "more than one gateway needs redis.enabled: otherwise they have different keys, and each answers replays of the other" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (not .Values.metrics.enabled) -}}
{{- fail "autoscaling.enabled needs metrics.enabled" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{- fail "serviceMonitor.enabled needs metrics.enabled" -}}
{{- end -}}
{{- $config := .Values.config -}}
{{- $secrets := concat (list $config.upstreamKey) (ternary $config.apiKey (list $config.apiKey) (kindIs "slice" $config.apiKey)) -}}
{{- range $config.upstreams -}}
{{- $secrets = append $secrets .apiKey -}}
{{- end -}}
{{- range $secrets -}}
{{- if kindIs "string" . -}}
{{- fail "config: a key as text would be in a ConfigMap; put it into the Secret, and name it as { file: /etc/nomyo/secrets/NAME }" -}}
{{- end -}}
{{- end -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}
