import { concat, digest, u32 } from '../bytes/digest.js'
import { fromHex } from '../bytes/hex.js'
import type { Bytes } from '../bytes/types.js'
import { PolicyError } from '../errors.js'
import type { PcrSelection } from '../pcr/selection.js'
import type { PcrValues } from '../result.js'
import { HASHES, type HashName } from '../structures/constants.js'

const TPM_CC_POLICY_PCR = 0x017f

/**
 * The authPolicy of an object that can be used in one PCR state only: TPM2_PolicyPCR on a fresh policy
 * session (Part 3, 23.7).
 *
 * @param values - the good state, in hex; every PCR of the selection must be there
 * @param hash - the Name algorithm of the object
 * @throws PolicyError `ERR_POLICY_INVALID` when a value is missing or of a wrong length
 */
export async function pcrPolicyDigest(
  selection: readonly PcrSelection[],
  values: PcrValues,
  hash: HashName = 'sha256',
): Promise<Bytes> {
  const state = selection.flatMap(({ hash: bank, pcrs }) =>
    pcrs.map((pcr) => {
      const value = fromHex(values[bank]?.[pcr] ?? '')
      if (value?.length === HASHES[bank].size) return value
      throw new PolicyError(`there is no ${bank} value for PCR ${pcr}`)
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

/** TPML_PCR_SELECTION with masks of three bytes, as PC TPMs have them. */
function marshalSelection(selection: readonly PcrSelection[]): Bytes {
  const banks = selection.map(({ hash, pcrs }) => {
    const mask = new Uint8Array(3)
    for (const pcr of pcrs) mask[pcr >> 3] = (mask[pcr >> 3] ?? 0) | (1 << (pcr & 7))
    return concat(Uint8Array.of(HASHES[hash].id >> 8, HASHES[hash].id, 3), mask)
  })
  return concat(u32(banks.length), ...banks)
}
