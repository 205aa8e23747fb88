import type { NamedFinding } from '@nomyo-internal/diagnostics'
import type { GatewayConfig } from '../config/config.js'
import { runCheck, type Check } from './check.js'
import { apiKeysCheck } from './checks/api-keys.js'
import { capacityCheck } from './checks/capacity.js'
import { clockCheck } from './checks/clock.js'
import { exposureCheck } from './checks/exposure.js'
import { filesCheck } from './checks/files.js'
import { listeningCheck } from './checks/listening.js'
import { memoryCheck } from './checks/memory.js'
import { modelCheck } from './checks/model.js'
import { redisCheck } from './checks/redis.js'
import { runtimeCheck } from './checks/runtime.js'
import { serverKeysCheck } from './checks/server-keys.js'
import { shutdownCheck } from './checks/shutdown.js'
import { tlsCheck } from './checks/tls.js'
import { tpmCheck } from './checks/tpm.js'
import { tracingCheck } from './checks/tracing.js'
import { upstreamsCheck } from './checks/upstreams.js'
import { wire2Check } from './checks/wire-2.js'

/** In the order of the report. */
const CHECKS: readonly Check[] = [
  exposureCheck,
  runtimeCheck,
  memoryCheck,
  capacityCheck,
  listeningCheck,
  serverKeysCheck,
  wire2Check,
  clockCheck,
  apiKeysCheck,
  tlsCheck,
  filesCheck,
  upstreamsCheck,
  modelCheck,
  redisCheck,
  tpmCheck,
  shutdownCheck,
  tracingCheck,
]
/** Longer than any step of a check waits for its peer. */
const TIMEOUT_MS = 20_000

/** Runs all checks at the same time. Never rejects: a check that fails is a finding. */
export async function runChecks(
  config: GatewayConfig,
  checks: readonly Check[] = CHECKS,
  timeoutMs = TIMEOUT_MS,
): Promise<readonly NamedFinding[]> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const findings = await runCheck(check, config, timeoutMs)
      return findings.map((finding) => ({ check: check.name, ...finding }))
    }),
  )
  return results.flat()
}
