import {
  EXIT,
  UsageError,
  command,
  defineOptions,
  type CommandContext,
} from '@nomyo-internal/command-line'
import { SecurityError, type KeyPair } from '@nomyo/crypto'
import { readConfigFile } from '../config/file.js'
import { KEY_OPTIONS, keyLocation } from '../config/load.js'
import { loggerOf } from '../observability/log.js'
import type { KeyStore, KeyStores, ServerKeyStore } from '../server-keys/key-store.js'
import { withStores } from '../server-keys/open-stores.js'

const ROTATE_OPTIONS = {
  ...KEY_OPTIONS,
  ...defineOptions({
    identity: {
      summary: 'create the next identity key, which signs for wire 2, instead of a server key',
    },
  }),
}

const readFile = (textOf: (name: string) => string | undefined, context: CommandContext) =>
  readConfigFile(textOf, context.environment)

/** `nomyo-gateway rotate`. Prints the fingerprint of the new key. */
export const rotateCommand = command({
  summary: 'create the next server key, which running gateways adopt',
  options: ROTATE_OPTIONS,
  readFile,
  run: async ({ settings, context }) => {
    const { identity } = settings.values
    const fingerprint = await withKeys(settings, context, ({ serverKeys, identities }) =>
      identity ? createNext(identities, (key) => key) : createNext(serverKeys, publicKeyOf),
    )
    context.stdout.write(`${fingerprint}\n`)
    return EXIT.ok
  },
})

/** `nomyo-gateway fingerprint`. Each line begins with a fingerprint in the form of pins. */
export const fingerprintCommand = command({
  summary:
    'print the fingerprints of the server key and of the identity key, which clients can pin',
  options: KEY_OPTIONS,
  readFile,
  run: async ({ settings, context }) => {
    const lines = await withKeys(settings, context, async ({ serverKeys, identities }) => {
      const serverKey = `${await newestFingerprint(serverKeys)} server key, for wire 1`
      if ((await identities.list()).length === 0) {
        const note = 'there is no identity key yet: the first start that offers wire 2 creates one'
        context.stderr.write(`nomyo-gateway: ${note}\n`)
        return [serverKey]
      }
      const { key } = await newest(identities)
      return [serverKey, `${key.fingerprint} identity key, for wire 2`]
    })
    context.stdout.write(lines.map((line) => `${line}\n`).join(''))
    return EXIT.ok
  },
})

/** Opens the stores that the settings name. */
function withKeys<T>(
  settings: Parameters<typeof keyLocation>[0],
  context: CommandContext,
  use: (stores: KeyStores) => Promise<T>,
): Promise<T> {
  const location = keyLocation(settings)
  if (location.keyDir === undefined && location.sharedKeys !== true) {
    throw new UsageError('set --key-dir DIR, or --shared-keys and --redis URL')
  }
  return withStores(location, loggerOf(context.stderr), use)
}

const publicKeyOf = ({ publicKey }: KeyPair): KeyPair['publicKey'] => publicKey

/**
 * Returns the fingerprint of the newest server key, which is published or soon will be.
 *
 * @throws SecurityError `ERR_KEY_FILE` when there is none
 */
export async function newestFingerprint(store: ServerKeyStore): Promise<string> {
  return (await newest(store)).key.publicKey.fingerprint
}

/**
 * Creates the next key, and returns its fingerprint. The newest key is read first: with another password the
 * gateway could not read the new one either.
 */
async function createNext<K>(
  store: KeyStore<K>,
  publicKey: (key: K) => { readonly fingerprint: string },
): Promise<string> {
  const { number } = await newest(store)
  await store.add(number + 1)
  return publicKey((await newest(store)).key).fingerprint
}

async function newest<K>(store: KeyStore<K>): Promise<{ number: number; key: K }> {
  const number = (await store.list()).at(-1)?.number
  if (number === undefined)
    throw new SecurityError(
      'ERR_KEY_FILE',
      'There is no key yet: the first start of a gateway with these settings creates one.',
    )
  return { number, key: await store.load(number) }
}
