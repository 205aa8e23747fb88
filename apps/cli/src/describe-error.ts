import { EXIT, type ErrorDescription } from '@nomyo-internal/command-line'
import { printableLine } from '@nomyo-internal/diagnostics'
import { APIConnectionError, APIError, AttestationError, SecurityError } from '@nomyo/client'

/** A failure found by the command itself. The message describes the remedy. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: number

  /** @param exitCode - one of `EXIT` */
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Problem and remedy of an `http://` URL that no option allows. */
export const HTTP_REFUSED =
  'an attacker on the network path can read and change http://. Use https://, or add --allow-http ' +
  'for a gateway on this machine'

/** Codes of SecurityError about local key files. */
const LOCAL_FILE_CODES: readonly string[] = ['ERR_KEY_FILE', 'ERR_KEY_PASSWORD', 'ERR_KEY_LIMIT']

/**
 * Describes an error with its remedy. Errors hold no key, and of the conversation only what a model
 * server quotes; their messages are safe to print.
 */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof CommandError) return { text: error.message, exitCode: error.exitCode }
  if (error instanceof AttestationError) return describeAttestationError(error)
  if (error instanceof SecurityError) return describeSecurityError(error)
  if (error instanceof APIConnectionError) return describeConnectionError(error)
  if (error instanceof APIError) return describeApiError(error)
  return { text: error instanceof Error ? error.message : String(error), exitCode: EXIT.failed }
}

function describeAttestationError({ result }: AttestationError): ErrorDescription {
  const failed = result.checks.filter(({ status }) => status === 'fail').map(({ code }) => code)
  const codes = failed.length === 0 ? '' : ` (${failed.join(', ')})`
  return {
    text:
      `the machine does not satisfy the policy: tier ${result.tier}, key ${result.trust}${codes}. ` +
      'nomyo attest verify shows every check.',
    exitCode: EXIT.security,
  }
}

function describeSecurityError({ code, message }: SecurityError): ErrorDescription {
  switch (code) {
    case 'ERR_INSECURE_URL':
      return { text: `${HTTP_REFUSED}.`, exitCode: EXIT.usage }
    case 'ERR_SERVER_KEY_CHANGED':
      return {
        text:
          `${message}\nOnly if the operator confirms the new fingerprint out of band:\n` +
          '  nomyo servers forget URL\n' +
          '  nomyo servers trust URL --fingerprint sha256/…',
        exitCode: EXIT.security,
      }
    default:
      return {
        text: `${message} (${code})`,
        exitCode: LOCAL_FILE_CODES.includes(code) ? EXIT.failed : EXIT.security,
      }
  }
}

function describeConnectionError({ code, message }: APIConnectionError): ErrorDescription {
  if (code === 'ERR_ABORTED') return { text: 'cancelled', exitCode: EXIT.interrupted }
  const text =
    code === 'ERR_TIMEOUT'
      ? 'no complete answer arrived in time; --timeout SECONDS allows more.'
      : message
  return { text: `${text} nomyo doctor checks every step.`, exitCode: EXIT.unreachable }
}

function describeApiError(error: APIError): ErrorDescription {
  const { code, message, statusCode, retryAfterMs, sealedError } = error
  if (code === 'ERR_INVALID_OPTION') return { text: message, exitCode: EXIT.usage }
  const remedy =
    statusCode === 401
      ? '. Put the API key into NOMYO_API_KEY, or name a file that holds it with --api-key-file.'
      : retryAfterMs === undefined
        ? ''
        : `. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`
  return {
    text: `${message} (${printableLine(sealedError?.code ?? code)})${remedy}`,
    exitCode: EXIT.failed,
  }
}
