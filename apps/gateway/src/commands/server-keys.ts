import {
  EXIT,
  UsageError,
  command,
  type Command,
  type CommandContext,
} from '@nomyo-internal/command-line'
import { SecurityError, type KeyPair } from '@nomyo/crypto'
import { readConfigFile } from '../config/file.js'
import { KEY_OPTIONS, keyLocation } from '../config/load.js'
import { loggerOf } from '../observability/log.js'
import { withStore } from '../server-keys/open-store.js'
import type { ServerKeyStore } from '../server-keys/server-key-store.js'

/** `nomyo-gateway rotate`. Prints the fingerprint of the new key. */
export const rotateCommand = keyCommand(
  'create the next server key, which running gateways adopt',
  createNextKey,
)

/** `nomyo-gateway fingerprint`. */
export const fingerprintCommand = keyCommand(
  'print the fingerprint of the server key, which clients can pin',
  newestFingerprint,
)

function keyCommand(summary: string, run: (store: ServerKeyStore) => Promise<string>): Command {
  return command({
    summary,
    options: KEY_OPTIONS,
    readFile: (textOf, { environment }: CommandContext) => readConfigFile(textOf, environment),
    run: async ({ settings, context }) => {
      const location = keyLocation(settings)
      if (location.keyDir === undefined && location.sharedKeys !== true) {
        throw new UsageError(
          'give the folder of the keys, --key-dir DIR, or the Redis, --shared-keys --redis URL',
        )
      }
      context.stdout.write(`${await withStore(location, loggerOf(context.stderr), run)}\n`)
      return EXIT.ok
    },
  })
}

/**
 * Returns the fingerprint of the newest key, which is published or soon will be.
 *
 * @throws SecurityError `ERR_KEY_FILE` when there is none
 */
export async function newestFingerprint(store: ServerKeyStore): Promise<string> {
  return (await newest(store)).pair.publicKey.fingerprint
}

/**
 * Creates the next key. The newest key is read first: with another password the gateway could not read
 * the new one either.
 */
async function createNextKey(store: ServerKeyStore): Promise<string> {
  const { number } = await newest(store)
  await store.add(number + 1)
  return newestFingerprint(store)
}

async function newest(store: ServerKeyStore): Promise<{ number: number; pair: KeyPair }> {
  const number = (await store.list()).at(-1)?.number
  if (number === undefined)
    throw new SecurityError(
      'ERR_KEY_FILE',
      'There is no key yet: the first start of a gateway with these settings creates one.',
    )
  return { number, pair: await store.load(number) }
}
