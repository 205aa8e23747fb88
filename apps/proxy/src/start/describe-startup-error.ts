import { errnoCode, formatErrorFacts } from '@nomyo-internal/diagnostics'
import { describeListenError } from '@nomyo-internal/http-server'
import { AttestationError, PolicyError } from '@nomyo/attest'
import { APIConnectionError, APIError, SecurityError } from '@nomyo/client'
import { FileError } from '../access/secret-files.js'
import type { ProxyConfig } from '../config/config.js'

/** Describes why a proxy did not start, and the remedy. */
export function describeStartupError(error: unknown, { gateway, policy }: ProxyConfig): string {
  if (error instanceof FileError) return `${error.message}.`
  if (error instanceof PolicyError) return `--policy: ${error.message} (${error.code}).`
  if (error instanceof AttestationError) {
    return (
      `the machine of ${gateway} does not meet ${policy ?? 'the policy'}, and ` +
      `nothing was sent: ${error.message} (${error.code}). Ask its operator whether it was changed or ` +
      'replaced; if so, record its new policy. `nomyo attest inspect` shows its evidence.'
    )
  }
  if (error instanceof SecurityError) {
    const hint =
      error.code === 'ERR_KEY_FILE' ? ' See --known-servers; the value none disables the file.' : ''
    return `${error.message} (${error.code})${hint}`
  }
  if (error instanceof APIConnectionError) {
    return `${error.message} (${error.code}) The address is set by --gateway or NOMYO_BASE_URL.`
  }
  if (error instanceof APIError) {
    return `${gateway} did not return its key: ${error.message} (${error.code}). Is it a NOMYO gateway? See --gateway.`
  }
  return (
    describeListenError(errnoCode(error)) ??
    `internal fault, please report it: ${formatErrorFacts(error)}`
  )
}
