import {
  errnoCode,
  problem,
  withTimeout,
  type Finding,
  type NamedFinding,
} from '@nomyo-internal/diagnostics'
import type { GatewayConfig } from '../config/config.js'
import { apiKeysCheck } from './checks/api-keys.js'
import { exposureCheck } from './checks/exposure.js'
import { listeningCheck } from './checks/listening.js'
import { redisCheck } from './checks/redis.js'
import { runtimeCheck } from './checks/runtime.js'
import { serverKeysCheck } from './checks/server-keys.js'
import { tlsCheck } from './checks/tls.js'
import { tpmCheck } from './checks/tpm.js'
import { upstreamsCheck } from './checks/upstreams.js'

/** Examination of one part of a configuration; changes nothing. */
export interface Check {
  readonly name: string
  run(config: GatewayConfig): Promise<readonly Finding[]>
}

/** In the order of the report. */
const CHECKS: readonly Check[] = [
  exposureCheck,
  runtimeCheck,
  listeningCheck,
  serverKeysCheck,
  apiKeysCheck,
  tlsCheck,
  upstreamsCheck,
  redisCheck,
  tpmCheck,
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

async function runCheck(
  check: Check,
  config: GatewayConfig,
  timeoutMs: number,
): Promise<readonly Finding[]> {
  const timeout = new Error('timeout')
  try {
    return await withTimeout(check.run(config), timeoutMs, () => timeout)
  } catch (error) {
    if (error !== timeout) {
      return [problem(`could not be checked (${errnoCode(error)})`, 'please report this')]
    }
    const message = `did not finish within ${timeoutMs / 1000} seconds`
    return [problem(message, 'find what does not answer, and try again', timeoutMs)]
  }
}
