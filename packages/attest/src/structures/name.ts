import { requireBytes, requireObject } from '../arguments.js'
import { TpmParseError } from '../attest-error.js'
import { concat, u16, u32, type Bytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'
import { TPM_RH, hashName, type Hierarchy } from './constants.js'
import type { TpmtPublic } from './public.js'

/**
 * Computes the Name of an object: the id of its hash algorithm, then the hash of its public area
 * (Part 1, 16).
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` when its hash algorithm is not SHA-1 or SHA-2
 */
export async function computeName(publicArea: TpmtPublic): Promise<Bytes> {
  requireObject(publicArea, 'the public area')
  requireBytes(publicArea.area, 'the public area')
  return nameOf(publicArea.nameAlg, publicArea.area)
}

/**
 * Computes the Qualified Name of an object: like a Name, over its parent's Qualified Name and its own
 * Name (Part 1, 26.5).
 *
 * @param parent - the hierarchy of a primary object, or the parent's Qualified Name
 * @throws TpmParseError `ERR_STRUCTURE_INVALID` when the hash algorithm of `name` is not SHA-1 or SHA-2
 */
export async function computeQualifiedName(
  parent: Hierarchy | Uint8Array,
  name: Uint8Array,
): Promise<Bytes> {
  requireBytes(name, 'name')
  const isHierarchy = typeof parent === 'string' && Object.hasOwn(TPM_RH, parent)
  if (!isHierarchy) requireBytes(parent, 'parent')
  const above = typeof parent === 'string' ? u32(TPM_RH[parent]) : parent
  return nameOf(((name[0] ?? 0) << 8) + (name[1] ?? 0), above, name)
}

async function nameOf(nameAlg: number, ...pieces: Uint8Array[]): Promise<Bytes> {
  const hash = hashName(nameAlg)
  if (hash === undefined) {
    throw new TpmParseError('nameAlg', 0, `is 0x${nameAlg.toString(16)}, known are SHA-1 and SHA-2`)
  }
  return concat(u16(nameAlg), await digest(hash, ...pieces))
}
