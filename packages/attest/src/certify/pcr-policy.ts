import { requireList, requireObject, requireOneOf } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import { concat, u16, u32, type Bytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'
import { fromHex } from '../bytes/hex.js'
import type { PcrValues } from '../evidence/evidence.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { isHashName, type PcrSelection } from '../structures/pcr-selection.js'

const TPM_CC_POLICY_PCR = 0x017f

/**
 * Computes the authPolicy of an object that can be used in one PCR state only: TPM2_PolicyPCR on a fresh
 * policy session (Part 3, 23.7).
 *
 * @param values - the good state, in hex, with every PCR of the selection
 * @param hash - the Name algorithm of the object
 * @throws PolicyError `ERR_POLICY_INVALID` when a value is missing or of a wrong length
 */
export async function pcrPolicyDigest(
  selection: readonly PcrSelection[],
  values: PcrValues,
  hash: HashName = 'sha256',
): Promise<Bytes> {
  requireList(
    selection,
    'the selection',
    ({ hash: bank, pcrs }) => Array.isArray(pcrs) && isHashName(String(bank)),
  )
  requireObject(values, 'values')
  requireOneOf(hash, 'hash', Object.keys(HASHES))
  const state = selection.flatMap(({ hash: bank, pcrs }) =>
    pcrs.map((pcr) => {
      const value = fromHex(values[bank]?.[pcr] ?? '')
      if (value?.length === HASHES[bank].size) return value
      throw new PolicyError(`the ${bank} value of PCR ${pcr} is missing or has a wrong length`)
    }),
  )
  return digest(
    hash,
    new Uint8Array(HASHES[hash].size),
    u32(TPM_CC_POLICY_PCR),
    marshalSelection(selection),
    await digest(hash, ...state),
  )
}

/** Marshals a TPML_PCR_SELECTION with masks of three bytes, as PC Client TPMs require. */
function marshalSelection(selection: readonly PcrSelection[]): Bytes {
  const banks = selection.map(({ hash, pcrs }) => {
    const mask = new Uint8Array(3)
    for (const pcr of pcrs) mask[pcr >> 3] = (mask[pcr >> 3] ?? 0) | (1 << (pcr & 7))
    return concat(u16(HASHES[hash].id), Uint8Array.of(3), mask)
  })
  return concat(u32(banks.length), ...banks)
}
