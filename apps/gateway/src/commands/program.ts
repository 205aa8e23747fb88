import { errnoCode } from '@nomyo-internal/diagnostics'
import { EXIT, type ErrorDescription, type Program } from '@nomyo-internal/command-line'
import { describeListenError } from '@nomyo-internal/http-server'
import { SecurityError } from '@nomyo/crypto/errors'
import { TpmError } from '@nomyo/tpm/errors'
import { version } from '../../package.json'
import { GatewayError } from '../errors.js'

/** The program `nomyo-gateway`. A command loads its modules when it is called. */
export const program: Program = {
  name: 'nomyo-gateway',
  version,
  describeError,
  command: {
    summary: 'decrypts chat requests, asks a model server, encrypts the answers',
    load: async () => (await import('./start.js')).startCommand,
    subcommands: {
      doctor: {
        summary: 'check everything that a start with these options needs',
        load: async () => (await import('../doctor/doctor-command.js')).doctorCommand,
      },
      keys: {
        summary: 'create, list and revoke API keys in a file',
        subcommands: {
          add: {
            summary: 'create an API key and print it once',
            load: async () => (await import('./api-keys.js')).addCommand,
          },
          list: {
            summary: 'list the API keys of a file',
            load: async () => (await import('./api-keys.js')).listCommand,
          },
          revoke: {
            summary: 'remove an API key from a file',
            load: async () => (await import('./api-keys.js')).revokeCommand,
          },
        },
      },
      rotate: {
        summary: 'create the next server key, which running gateways adopt',
        load: async () => (await import('./server-keys.js')).rotateCommand,
      },
      fingerprint: {
        summary: 'print the fingerprint of the server key, which clients can pin',
        load: async () => (await import('./server-keys.js')).fingerprintCommand,
      },
    },
  },
}

/** Describes a failure without the stack, unless it is a fault of the program. */
function describeError(error: unknown): ErrorDescription {
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
