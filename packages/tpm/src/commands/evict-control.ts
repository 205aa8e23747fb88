import { TPM_RH } from '@nomyo/attest/structures'
import { requireAuth, requireFunction, requireHandle, requireOptions } from '../arguments.js'
import { password, type SendCommand } from '../wire/command.js'
import { Writer } from '../wire/writer.js'

/** Options of TPM2_EvictControl. */
export interface EvictControlOptions {
  /** Loaded object to store, or persistent one to remove. */
  readonly object: number
  /** The persistent handle: 0x81000000 to 0x817fffff. */
  readonly persistent: number
  /** Auth value of the owner hierarchy. Default empty. */
  readonly ownerAuth?: Uint8Array | undefined
}

/** Sends TPM2_EvictControl (Part 3, 28.5): stores an object so that it survives resets, or removes one. */
export async function evictControl(send: SendCommand, input: EvictControlOptions): Promise<void> {
  requireFunction(send, 'send')
  requireOptions(input, 'input')
  const { object, persistent, ownerAuth } = input
  requireHandle(object, 'object')
  requireHandle(persistent, 'persistent')
  requireAuth(ownerAuth, 'ownerAuth')
  const reader = await send({
    name: 'TPM2_EvictControl',
    code: 0x120,
    handles: [TPM_RH.owner, object],
    authorizations: [password(ownerAuth)],
    parameters: new Writer().u32(persistent).toBytes(),
  })
  reader.end()
}
