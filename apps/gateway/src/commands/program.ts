import type { Program } from '@nomyo-internal/command-line'
import { version } from '../../package.json'
import { describeError } from './describe-error.js'

/** The program `nomyo-gateway`. A command loads its modules when it is called. */
export const program: Program = {
  name: 'nomyo-gateway',
  version,
  describeError,
  command: {
    summary: 'decrypts requests, forwards them to a model server, encrypts the answers',
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
      relay: {
        summary:
          'pass encrypted requests on to one gateway, and hide the addresses of clients from it',
        load: async () => (await import('./relay.js')).relayCommand,
      },
      fingerprint: {
        summary: 'print the fingerprint of the server key, which clients can pin',
        load: async () => (await import('./server-keys.js')).fingerprintCommand,
      },
    },
  },
}
