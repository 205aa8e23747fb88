import { PolicyError } from '@nomyo/attest'
import { APIConnectionError, APIError, AttestationError, SecurityError } from '@nomyo/client'
import { DistrustError, EXIT, UsageError } from './exit-codes.js'

/** What went wrong, what to do, and the exit code for it. */
export interface Failure {
  readonly text: string
  readonly exitCode: number
}

/** Codes of SecurityError that are about files of one's own, not about somebody else. */
const OWN_FILES: readonly string[] = ['ERR_KEY_FILE', 'ERR_KEY_PASSWORD', 'ERR_KEY_LIMIT']

/** Says of any error what a person can do about it. Errors hold no prompt, answer or key. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) return { text: error.message, exitCode: EXIT.usage }
  if (error instanceof PolicyError) return { text: error.message, exitCode: EXIT.usage }
  if (error instanceof DistrustError) return { text: error.message, exitCode: EXIT.security }
  if (error instanceof AttestationError) return attestationFailure(error)
  if (error instanceof SecurityError) return securityFailure(error)
  if (error instanceof APIConnectionError) return connectionFailure(error)
  if (error instanceof APIError) return apiFailure(error)
  return { text: error instanceof Error ? error.message : String(error), exitCode: EXIT.failed }
}

function attestationFailure({ result }: AttestationError): Failure {
  const failed = result.checks.filter(({ status }) => status === 'fail').map(({ code }) => code)
  return {
    text:
      `the machine is not what the policy asks for: tier ${result.tier}, key ${result.trust}` +
      `${failed.length === 0 ? '' : ` (${failed.join(', ')})`}. ` +
      'nomyo attest verify shows every check.',
    exitCode: EXIT.security,
  }
}

function securityFailure({ code, message }: SecurityError): Failure {
  switch (code) {
    case 'ERR_INSECURE_URL':
      return {
        text:
          'http:// can be read and changed by anybody on the way. Use https://, or add ' +
          '--allow-http for a gateway on this machine.',
        exitCode: EXIT.usage,
      }
    case 'ERR_SERVER_KEY_CHANGED':
      return {
        text:
          `${message.replace(/ Somebody may be .*/s, '')} Somebody may be in between. Ask its operator, on another way ` +
          'than this connection, whether the new fingerprint is genuine. Only if it is:\n' +
          '  nomyo servers forget URL\n' +
          '  nomyo servers trust URL --fingerprint sha256/…',
        exitCode: EXIT.security,
      }
    default:
      return {
        text: `${message} (${code})`,
        exitCode: OWN_FILES.includes(code) ? EXIT.failed : EXIT.security,
      }
  }
}

function connectionFailure({ code, message }: APIConnectionError): Failure {
  if (code === 'ERR_ABORTED') return { text: 'cancelled', exitCode: EXIT.interrupted }
  const text =
    code === 'ERR_TIMEOUT'
      ? 'there was no complete answer in time; --timeout SECONDS allows more.'
      : message
  return { text: `${text} nomyo doctor looks at every step.`, exitCode: EXIT.unreachable }
}

function apiFailure({ code, message, statusCode, retryAfterMs }: APIError): Failure {
  if (code === 'ERR_INVALID_OPTION') return { text: message, exitCode: EXIT.usage }
  const remedy =
    statusCode === 401
      ? ' Put the API key into NOMYO_API_KEY, or name a file that holds it with --api-key-file.'
      : retryAfterMs === undefined
        ? ''
        : ` Come back in ${String(Math.ceil(retryAfterMs / 1000))} s.`
  return { text: `${message} (${code})${remedy}`, exitCode: EXIT.failed }
}
