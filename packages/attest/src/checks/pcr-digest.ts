import { equalBytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'
import { fromHex, toHex } from '../bytes/hex.js'
import { quoteInfo, type ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import { HASHES } from '../structures/constants.js'
import { unreadable } from './evidence.js'

/**
 * Checks that the transmitted PCR values hash to the signed digest: in the order of the signed list,
 * with the hash of the signature, each value as long as the digests of its bank (otherwise the boundary
 * between two of them could move).
 */
export async function checkPcrDigest(evidence: ParsedEvidence): Promise<Verdict> {
  const quote = quoteInfo(evidence)
  if (quote === undefined) return unreadable('quote')
  const hash = evidence.signature.value?.hash
  if (hash === undefined) return unreadable('signature')

  const values: Uint8Array[] = []
  for (const { hash: bank, pcrs } of quote.pcrSelect) {
    for (const pcr of pcrs) {
      const hex = bank === undefined ? undefined : evidence.evidence.pcrValues?.[bank]?.[pcr]
      const value = hex === undefined ? undefined : fromHex(hex)
      if (bank === undefined || value === undefined) {
        return fail('PCR_VALUE_MISSING', `the value of the quoted PCR ${pcr} is missing`)
      }
      if (value.length !== HASHES[bank].size) {
        return fail('PCR_VALUE_LENGTH', `the value of ${bank} PCR ${pcr} has a wrong length`)
      }
      values.push(value)
    }
  }
  const computed = await digest(hash, ...values)
  return equalBytes(computed, quote.pcrDigest)
    ? pass('PCR_DIGEST_EQUAL', 'the PCR values hash to the signed digest')
    : fail('PCR_DIGEST_MISMATCH', 'the PCR values do not hash to the signed digest', {
        expected: toHex(quote.pcrDigest),
        actual: toHex(computed),
      })
}
