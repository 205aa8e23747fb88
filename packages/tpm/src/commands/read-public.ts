import type { SendCommand } from '../command.js'
import { Writer } from '../writer.js'

/** What a TPM says about an object to anyone. */
export interface PublicObject {
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array
  readonly name: Uint8Array
  readonly qualifiedName: Uint8Array
}

/** TPM2_ReadPublic (Part 3, 12.4). */
export async function readPublic(send: SendCommand, handle: number): Promise<PublicObject> {
  const reader = await send({ name: 'TPM2_ReadPublic', code: 0x173, handles: [handle] })
  const publicArea = new Writer().sized(reader.sized()).toBytes()
  const name = reader.sized()
  const qualifiedName = reader.sized()
  reader.end()
  return { publicArea, name, qualifiedName }
}
