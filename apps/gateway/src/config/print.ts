import { SECRET_MASK } from '@nomyo-internal/command-line'
import { stringify } from 'yaml'
import type { GatewayConfig } from './config.js'
import type { GatewaySettings } from './load.js'

/** Formats the settings in effect as a config file, with secrets masked. */
export function printConfig(settings: GatewaySettings, config: GatewayConfig): string {
  const { pcrs, tpmAk, metricsHost, ...shown } = settings.inEffect()
  const { policy, engine, rateLimit, trustedProxies = [] } = config
  const named =
    engine.kind === 'upstreams' && shown['upstream'] === undefined ? engine.upstreams : undefined
  return stringify({
    ...shown,
    // In a file, no value has a comma.
    trustProxy: trustedProxies.length > 0 ? trustedProxies : undefined,
    knownRelay: config.knownRelays,
    // Its default depends on others.
    rateLimit: rateLimit === undefined ? 'off' : `${rateLimit.perSecond}/s`,
    // A file may not set these without the setting that they belong to.
    ...(config.tpm === undefined ? {} : { pcrs, tpmAk }),
    ...(config.metrics === undefined ? {} : { metricsHost }),
    upstreams: named?.map((upstream) =>
      upstream.apiKey === undefined ? upstream : { ...upstream, apiKey: SECRET_MASK },
    ),
    tiers: policy?.tiers,
    policyVersion: policy?.version,
    requests: config.requests,
  })
}
