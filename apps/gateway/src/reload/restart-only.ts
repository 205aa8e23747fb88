import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from '../config/config.js'

/** Settings that parts of a running gateway adopt. */
const RELOADABLE: ReadonlySet<string> = new Set<keyof GatewayConfig>([
  'engine',
  'policy',
  'requests',
  'apiKeys',
  'keysFile',
  'tls',
  'rateLimit',
  'rateCoolDownMs',
  'quotas',
  'streams',
  'load',
  'logLevel',
  'sources',
])

/** Names that operators know some settings by. */
const OPTION_NAMES: Readonly<Partial<Record<string, string>>> = {
  corsOrigins: 'corsOrigin',
  drainDelayMs: 'drainDelay',
  drainTimeoutMs: 'drainTimeout',
  keys: 'keyPassword, keyRotation, keyOverlap, keyLead or identityOverlap',
  requestKeys: 'requestKeys, requestKeyRotation or requestKeyClassic',
  maxBodyBytes: 'maxBody',
  maxUploadBytes: 'maxUpload',
  metrics: 'metricsPort or metricsHost',
  knownRelays: 'knownRelay',
  logModels: 'logModel',
  publicNames: 'publicName',
  replayWindowMs: 'replayWindow',
  requestDate: 'date',
  tpm: 'tpm, pcrs, tpmAk or tpmRequired',
  trustedProxies: 'trustProxy',
}

/** Lists the settings that differ and that a running gateway cannot adopt. */
export function restartOnly(running: GatewayConfig, next: GatewayConfig): readonly string[] {
  const [before, after] = [
    new Map<string, unknown>(Object.entries(running)),
    new Map<string, unknown>(Object.entries(next)),
  ]
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => !RELOADABLE.has(name))
    .filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)))
    .map((name) => OPTION_NAMES[name] ?? name)
    .sort()
}
