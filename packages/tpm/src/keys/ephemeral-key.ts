import type { SendCommand } from '../command.js'
import { createPrimary } from '../commands/create-primary.js'
import { thenFlush } from '../commands/flush-context.js'
import {
  UNIQUE_BYTES,
  attestationKeyTemplate,
  nameOf,
  type AttestationKey,
} from './attestation-key.js'

/** A key that nobody has seen before and that is never stored. */
export interface EphemeralKeyOptions {
  readonly mode: 'ephemeral'
  /** Auth value of the endorsement hierarchy. Default empty. */
  readonly endorsementAuth?: Uint8Array
}

/**
 * A new attestation key. It is derived anew from the TPM's seed and its random template for each use,
 * and flushed after it: nothing is left in the TPM in between, or when the process ends.
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
