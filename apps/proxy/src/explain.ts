import { AttestationError, PolicyError } from '@nomyo/attest'
import { APIConnectionError, APIError, SecurityError } from '@nomyo/client'
import type { ProxyConfig } from './config.js'
import { FileError } from './files.js'
import { errorFacts } from './log.js'

/** Why a proxy did not start and what to do, without the stack a stranger cannot use. */
export function explain(error: unknown, { gateway, attestation }: ProxyConfig): string {
  if (error instanceof FileError) return `${error.message}.`
  if (error instanceof PolicyError) return `--policy: ${error.message} (${error.code}).`
  if (error instanceof AttestationError) {
    return (
      `the machine of ${gateway.url} did not prove what ${attestation?.policyFile ?? 'the policy'} ` +
      `demands, and nothing was sent: ${error.message} (${error.code}). Ask its operator whether it was ` +
      'changed or replaced; if so, record its new policy. `nomyo attest inspect` shows what it proves.'
    )
  }
  if (error instanceof SecurityError) {
    const hint = HINTS[error.code]
    return `${error.message} (${error.code})${hint === undefined ? '' : ` ${hint}`}`
  }
  if (error instanceof APIConnectionError) {
    return `${error.message} (${error.code}) The address is set by --gateway or NOMYO_BASE_URL.`
  }
  if (error instanceof APIError) {
    return `${gateway.url} did not give its key: ${error.message} (${error.code}). Is it a NOMYO gateway? See --gateway.`
  }
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return 'the port is taken; choose another with --port, or 0 for any.'
    case 'EACCES':
      return 'this port may not be listened on; choose one above 1023 with --port.'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine does not have the address given by --host.'
    default:
      return `internal fault, please report it: ${errorFacts(error)}`
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ERR_KEY_FILE: 'See --known-servers; none does without.',
}
