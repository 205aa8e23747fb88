import { errnoCode } from '@nomyo-internal/diagnostics'
import { GatewayError } from '../../errors.js'

/** Packages of OpenTelemetry that a tracer needs, in the versions that run on Node 20. */
export const SDK_PACKAGES = [
  '@opentelemetry/api@~1.9.1',
  '@opentelemetry/core@^2.12.1',
  '@opentelemetry/exporter-trace-otlp-proto@^0.223.1',
  '@opentelemetry/resources@^2.12.1',
  '@opentelemetry/sdk-trace@^2.12.1',
] as const

async function importSdk() {
  const [api, core, exporter, resources, sdk] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ])
  return { api, core, exporter, resources, sdk }
}

/** Modules of the SDK. */
export type Sdk = Awaited<ReturnType<typeof importSdk>>

/**
 * Loads the SDK of OpenTelemetry, which is an optional dependency.
 *
 * @throws GatewayError `ERR_TRACING` with the command that installs it
 */
export async function loadSdk(load: () => Promise<Sdk> = importSdk): Promise<Sdk> {
  try {
    return await load()
  } catch (error) {
    throw new GatewayError(
      'ERR_TRACING',
      `traces need packages that cannot be loaded (${errnoCode(error)}); install them where the ` +
        `gateway is installed, for a global one with: npm install --global ${SDK_PACKAGES.join(' ')}.`,
    )
  }
}
