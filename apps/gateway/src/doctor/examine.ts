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
import { problem, type Check, type Finding } from './finding.js'
import { reasonOf } from './reason.js'

/** A finding, and which check it is of. */
export interface NamedFinding extends Finding {
  readonly check: string
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
/** More than any step of a check waits for its other end. */
const LIMIT_MS = 20_000

/** Runs all checks at the same time. Never rejects: a check that fails is a finding. */
export async function examine(
  config: GatewayConfig,
  checks: readonly Check[] = CHECKS,
  limitMs = LIMIT_MS,
): Promise<readonly NamedFinding[]> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const findings = await withinLimit(check, config, limitMs)
      return findings.map((finding) => ({ check: check.name, ...finding }))
    }),
  )
  return results.flat()
}

async function withinLimit(
  check: Check,
  config: GatewayConfig,
  limitMs: number,
): Promise<readonly Finding[]> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<readonly Finding[]>((resolve) => {
    timer = setTimeout(() => {
      const seen = `no end after ${limitMs / 1000} seconds`
      resolve([problem(seen, 'see what does not answer, and try again', limitMs)])
    }, limitMs)
  })
  try {
    return await Promise.race([check.run(config), expired])
  } catch (error) {
    return [problem(`could not be checked (${reasonOf(error)})`, 'please report this')]
  } finally {
    clearTimeout(timer)
  }
}
