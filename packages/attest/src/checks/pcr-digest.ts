import { digest, equalBytes } from '../bytes/digest.js'
import { fromHex, toHex } from '../bytes/hex.js'
import { quoteInfo, type Facts } from '../facts.js'
import { fail, pass, type Verdict } from '../result.js'
import { HASHES } from '../structures/constants.js'
import { unreadable } from './evidence.js'

/**
 * The PCR values that came along hash to the digest that was signed: in the order of the signed list,
 * with the hash of the signature, each value as long as its bank's digests (else two of them could be
 * cut at another place).
 */
export async function checkPcrDigest(facts: Facts): Promise<Verdict> {
  const quote = quoteInfo(facts)
  if (quote === undefined) return unreadable('quote')
  const hash = facts.signature.value?.hash
  if (hash === undefined) return unreadable('signature')

  const values: Uint8Array[] = []
  for (const { hash: bank, pcrs } of quote.pcrSelect) {
    for (const pcr of pcrs) {
      const hex = bank === undefined ? undefined : facts.evidence.pcrValues?.[bank]?.[pcr]
      const value = hex === undefined ? undefined : fromHex(hex)
      if (bank === undefined || value === undefined) {
        return fail('PCR_VALUE_MISSING', `there is no value for the quoted PCR ${pcr}`)
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
    : fail('PCR_DIGEST_MISMATCH', 'the PCR values are not those that were quoted', {
        expected: toHex(quote.pcrDigest),
        actual: toHex(computed),
      })
}
