import { ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../errors.js'
import { exportNothing, reasonOf } from '../../observability/tracing/exporter.js'
import { loadSdk } from '../../observability/tracing/sdk.js'
import { isPrivateUrl } from '../../upstreams/pool/plan-upstreams.js'
import type { Check } from '../check.js'

const TIMEOUT_MS = 5000

/** Checks that the SDK of OpenTelemetry is installed, and that the receiver accepts traces. */
export const tracingCheck: Check = {
  name: 'traces',
  run: async ({ tracing }) => {
    if (tracing === undefined) return []
    const { host } = new URL(tracing.endpoint)
    try {
      const sdk = await loadSdk()
      const findings = isPrivateUrl(tracing.endpoint) ? [] : [inTheClear(host)]
      const result = await exportNothing(sdk, tracing.endpoint, TIMEOUT_MS)
      return [...findings, describe(host, result)]
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return [problem(error.message, 'install them, or set OTEL_SDK_DISABLED=true')]
    }
  },
}

const inTheClear = (host: string): Finding =>
  warning(
    `names of keys and models travel to ${host} in plaintext`,
    'set up TLS there, and use an https:// URL',
  )

function describe(host: string, { error }: { readonly error?: unknown }): Finding {
  return error === undefined
    ? ok(`${host} accepts traces`)
    : warning(
        `${host} does not accept traces (${reasonOf(error)}): they are lost, requests are not affected`,
        'check OTEL_EXPORTER_OTLP_HEADERS, and that the URL is one for OTLP over HTTP',
      )
}
