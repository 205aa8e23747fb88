import { errnoCode } from '@nomyo-internal/diagnostics'
import { EXIT, type ErrorDescription } from '@nomyo-internal/command-line'
import { describeListenError } from '@nomyo-internal/http-server'
import { SecurityError } from '@nomyo/crypto/errors'
import { TpmError } from '@nomyo/tpm/errors'
import { GatewayError } from '../errors.js'

/** Describes a failure without the stack, unless it is a fault of the program. */
export function describeError(error: unknown): ErrorDescription {
  return { text: describe(error), exitCode: EXIT.failed }
}

function describe(error: unknown): string {
  if (error instanceof SecurityError || error instanceof GatewayError) {
    return `${error.message} (${error.code})`
  }
  if (error instanceof TpmError) {
    return `no attestation, and --tpm-required: ${error.message} (${error.code})`
  }
  const listenError = describeListenError(errnoCode(error))
  if (listenError !== undefined) return listenError
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
