import { requireFunction, requireHandle } from '../arguments.js'
import type { SendCommand } from '../wire/command.js'
import { Writer } from '../wire/writer.js'

/** Public part of an object. */
export interface PublicObject {
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array
  readonly name: Uint8Array
  readonly qualifiedName: Uint8Array
}

/** Sends TPM2_ReadPublic (Part 3, 12.4). */
export async function readPublic(send: SendCommand, handle: number): Promise<PublicObject> {
  requireFunction(send, 'send')
  requireHandle(handle, 'handle')
  const reader = await send({ name: 'TPM2_ReadPublic', code: 0x173, handles: [handle] })
  const publicArea = new Writer().sized(reader.sized()).toBytes()
  const name = reader.sized()
  const qualifiedName = reader.sized()
  reader.end()
  return { publicArea, name, qualifiedName }
}
