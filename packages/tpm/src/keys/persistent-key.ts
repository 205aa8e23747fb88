import { computeQualifiedName } from '@nomyo/attest/structures'

import { createPrimary } from '../commands/create-primary.js'
import { evictControl } from '../commands/evict-control.js'
import { thenFlush } from '../commands/flush-context.js'
import { readPublic, type PublicObject } from '../commands/read-public.js'
import { TpmError } from '../errors.js'
import type { SendCommand } from '../wire/command.js'
import { TPM_RC } from '../wire/response-codes.js'
import { malformed } from '../wire/response-reader.js'
import {
  UNIQUE_BYTES,
  attestationKeyTemplate,
  fitsTemplate,
  nameOf,
  type AttestationKey,
} from './attestation-key.js'

/** Default handle, in the range that the TCG reserves for primary keys of the endorsement hierarchy. */
export const DEFAULT_AK_HANDLE = 0x810100f0

/** Options of a key that is made once and survives resets: it can be endorsed or pinned. */
export interface PersistentKeyOptions {
  readonly mode: 'persistent'
  /** 0x81000000 to 0x817fffff. Default {@link DEFAULT_AK_HANDLE}. */
  readonly handle?: number
  /** Auth value of the owner hierarchy, to store the key. Default empty. */
  readonly ownerAuth?: Uint8Array
  /** Auth value of the endorsement hierarchy, to make the key. Default empty. */
  readonly endorsementAuth?: Uint8Array
}

/**
 * Opens the attestation key at a persistent handle, and makes it there if the handle is empty.
 *
 * @throws TpmError `ERR_TPM_AK` when the handle holds another object, which is not changed
 */
export async function openPersistentKey(
  send: SendCommand,
  options: PersistentKeyOptions,
): Promise<AttestationKey> {
  const { handle = DEFAULT_AK_HANDLE } = options
  if (!Number.isInteger(handle) || handle < 0x81000000 || handle > 0x817fffff) {
    throw new TpmError('ERR_TPM_INPUT', 'ak.handle must be from 0x81000000 to 0x817fffff.')
  }
  let object = await readObject(send, handle)
  if (object === undefined) {
    await makeAt(send, handle, options)
    object = await readObject(send, handle)
  }
  if (object === undefined) throw malformed('lacks the key that was just stored')
  return {
    publicArea: object.publicArea,
    name: await requireAttestationKey(object, handle),
    use: (_, work) => work(handle),
  }
}

async function readObject(send: SendCommand, handle: number): Promise<PublicObject | undefined> {
  try {
    return await readPublic(send, handle)
  } catch (error) {
    if (error instanceof TpmError && error.responseCode === TPM_RC.HANDLE_1) return undefined
    throw error
  }
}

async function makeAt(
  send: SendCommand,
  persistent: number,
  { ownerAuth, endorsementAuth }: PersistentKeyOptions,
): Promise<void> {
  const primary = await createPrimary(send, {
    hierarchy: 'endorsement',
    hierarchyAuth: endorsementAuth,
    template: attestationKeyTemplate(new Uint8Array(UNIQUE_BYTES)),
  })
  try {
    await thenFlush(send, primary.handle, () =>
      evictControl(send, { object: primary.handle, persistent, ownerAuth }),
    )
  } catch (error) {
    // Another process was faster. The key that it stored is checked like any other.
    if (error instanceof TpmError && error.responseCode === TPM_RC.NV_DEFINED) return
    throw error
  }
}

/** Returns the Name of a key made from the template in the endorsement hierarchy; refuses any other. */
async function requireAttestationKey(object: PublicObject, handle: number): Promise<Uint8Array> {
  if (fitsTemplate(object.publicArea)) {
    const name = await nameOf(object.publicArea)
    const qualifiedName = await computeQualifiedName('endorsement', name)
    if (Buffer.compare(qualifiedName, object.qualifiedName) === 0) return name
  }
  const number = `0x${handle.toString(16)}`
  throw new TpmError(
    'ERR_TPM_AK',
    `Handle ${number} holds another key. Choose another ak.handle, or, if no program needs the key, ` +
      `remove it: tpm2_evictcontrol -C o -c ${number}`,
  )
}
