import { errnoCode, problem, withTimeout, type Finding } from '@nomyo-internal/diagnostics'
import type { GatewayConfig } from '../config/config.js'

/** Examination of one part of a configuration; changes nothing. */
export interface Check {
  readonly name: string
  run(config: GatewayConfig): Promise<readonly Finding[]>
}

/** Runs one check. Never rejects: a failure or a timeout is a finding. */
export async function runCheck(
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
    return [
      problem(message, 'check whether this part of the system responds, then try again', timeoutMs),
    ]
  }
}
