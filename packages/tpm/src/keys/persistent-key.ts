import { computeQualifiedName } from '@nomyo/attest/structures'
import { equal } from '../bytes.js'
import type { SendCommand } from '../command.js'
import { createPrimary } from '../commands/create-primary.js'
import { evictControl } from '../commands/evict-control.js'
import { thenFlush } from '../commands/flush-context.js'
import { readPublic, type PublicObject } from '../commands/read-public.js'
import { TpmError } from '../errors.js'
import { TPM_RC } from '../response-codes.js'
import { malformed } from '../response-reader.js'
import {
  UNIQUE_BYTES,
  attestationKeyTemplate,
  fitsTemplate,
  nameOf,
  type AttestationKey,
} from './attestation-key.js'

/** In the range the TCG sets aside for primary keys of the endorsement hierarchy. */
export const DEFAULT_AK_HANDLE = 0x810100f0

/** A key that is made once and survives resets: the one to endorse or to pin. */
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
 * The attestation key at a persistent handle, made there if there is nothing.
 *
 * @throws TpmError `ERR_TPM_AK` when anything else is there: it is left alone
 */
export async function openPersistentKey(
  send: SendCommand,
  options: PersistentKeyOptions,
): Promise<AttestationKey> {
  const { handle = DEFAULT_AK_HANDLE } = options
  if (!Number.isInteger(handle) || handle < 0x81000000 || handle > 0x817fffff) {
    throw new TpmError('ERR_TPM_INPUT', 'ak.handle is from 0x81000000 to 0x817fffff.')
  }
  let object = await readObject(send, handle)
  if (object === undefined) {
    await makeAt(send, handle, options)
    object = await readObject(send, handle)
  }
  if (object === undefined) throw malformed('denies the key that was just stored')
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
    // Another process was faster. What it stored is checked like any other.
    if (error instanceof TpmError && error.responseCode === TPM_RC.NV_DEFINED) return
    throw error
  }
}

/** The Name of the key, if it is of our kind and its parent is the endorsement hierarchy. */
async function requireAttestationKey(object: PublicObject, handle: number): Promise<Uint8Array> {
  if (fitsTemplate(object.publicArea)) {
    const name = await nameOf(object.publicArea)
    const qualifiedName = await computeQualifiedName('endorsement', name)
    if (equal(qualifiedName, object.qualifiedName)) return name
  }
  const number = `0x${handle.toString(16)}`
  throw new TpmError(
    'ERR_TPM_AK',
    `Handle ${number} holds another key. Choose another ak.handle, or, if nobody needs the key, ` +
      `remove it: tpm2_evictcontrol -C o -c ${number}`,
  )
}
