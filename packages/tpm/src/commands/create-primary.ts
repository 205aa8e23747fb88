import { TPM_RH, type Hierarchy } from '@nomyo/attest/structures'
import {
  requireAuth,
  requireBytes,
  requireFunction,
  requireInput,
  requireOptions,
} from '../arguments.js'
import { password, type SendCommand } from '../wire/command.js'
import { EMPTY, Writer } from '../wire/writer.js'

/** Loaded object. Flush it: a TPM without a resource manager holds three. */
export interface LoadedObject {
  readonly handle: number
  /** TPM2B_PUBLIC. */
  readonly publicArea: Uint8Array
  readonly name: Uint8Array
}

/** Options of TPM2_CreatePrimary. */
export interface CreatePrimaryOptions {
  readonly hierarchy: Hierarchy
  /** Auth value of the hierarchy. Default empty. */
  readonly hierarchyAuth?: Uint8Array | undefined
  /** TPMT_PUBLIC. The same template in the same hierarchy gives the same key, on the same TPM. */
  readonly template: Uint8Array
}

/** Sends TPM2_CreatePrimary (Part 3, 24.1), with an empty auth value for the new object. */
export async function createPrimary(
  send: SendCommand,
  input: CreatePrimaryOptions,
): Promise<LoadedObject> {
  requireFunction(send, 'send')
  requireOptions(input, 'input')
  const { hierarchy, hierarchyAuth, template } = input
  const isKnown = typeof hierarchy === 'string' && Object.hasOwn(TPM_RH, hierarchy)
  requireInput(isKnown, `hierarchy must be one of ${Object.keys(TPM_RH).join(', ')}`)
  requireAuth(hierarchyAuth, 'hierarchyAuth')
  requireBytes(template, 'template')
  const reader = await send({
    name: 'TPM2_CreatePrimary',
    code: 0x131,
    handles: [TPM_RH[hierarchy]],
    authorizations: [password(hierarchyAuth)],
    parameters: new Writer()
      .sized(new Writer().sized(EMPTY).sized(EMPTY).toBytes()) // inSensitive: userAuth, data
      .sized(template)
      .sized(EMPTY) // outsideInfo
      .u32(0) // creationPCR
      .toBytes(),
    returnsHandle: true,
  })
  const handle = reader.u32()
  const publicArea = new Writer().sized(reader.sized()).toBytes()
  reader.sized() // creationData
  reader.sized() // creationHash
  reader.take(6) // creationTicket: tag, hierarchy
  reader.sized() // creationTicket: digest
  const name = reader.sized()
  reader.end()
  return { handle, publicArea, name }
}
