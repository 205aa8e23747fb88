import { createPrimary } from '../commands/create-primary.js'
import { thenFlush } from '../commands/flush-context.js'
import type { SendCommand } from '../wire/command.js'
import {
  UNIQUE_BYTES,
  attestationKeyTemplate,
  nameOf,
  type AttestationKey,
} from './attestation-key.js'

/** Options of a new key that is never stored. */
export interface EphemeralKeyOptions {
  readonly mode: 'ephemeral'
  /** Auth value of the endorsement hierarchy. Default empty. */
  readonly endorsementAuth?: Uint8Array
}

/**
 * Makes a new attestation key. Each use derives it again from the TPM's seed and its random template, and
 * flushes it afterwards: nothing stays in the TPM in between, or when the process ends.
 */
export async function createEphemeralKey(
  send: SendCommand,
  { endorsementAuth }: EphemeralKeyOptions,
): Promise<AttestationKey> {
  const template = attestationKeyTemplate(crypto.getRandomValues(new Uint8Array(UNIQUE_BYTES)))
  const options = { hierarchy: 'endorsement', hierarchyAuth: endorsementAuth, template } as const
  const { handle, publicArea } = await createPrimary(send, options)
  const name = await thenFlush(send, handle, () => nameOf(publicArea))
  return {
    publicArea,
    name,
    use: async (send, work) => {
      const key = await createPrimary(send, options)
      return thenFlush(send, key.handle, () => work(key.handle))
    },
  }
}
