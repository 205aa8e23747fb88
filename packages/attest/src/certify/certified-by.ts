import { requireBytes, requireMethod, requireObject } from '../arguments.js'
import { concat, equalBytes } from '../bytes/bytes.js'
import { checkAkAttributes } from '../checks/ak-attributes.js'
import { keyStrength } from '../checks/ak-strength.js'
import { checkQuoteMagic } from '../checks/quote.js'
import { schemesAgree } from '../checks/signature-scheme.js'
import { verifySignature } from '../checks/signature-valid.js'
import { parseKey, parsed } from '../evidence/parsed-evidence.js'
import { parseAttest } from '../structures/attest.js'
import { parseSignature } from '../structures/signature.js'
import { refuse, type TrustAnchor } from '../trust/anchor.js'
import type { CertifyEvidence } from './verify.js'

const CODE = 'AK_NOT_CERTIFIED'

/**
 * Creates a trust anchor that endorses an attestation key which a longer-lived one has certified with
 * TPM2_Certify, if `parent` endorses that one: a fresh key for every request of a known machine.
 *
 * @param parent - endorses the key that signed the certification
 * @param evidence - the certification; it may come from the server, and is verified like the quote
 */
export function certifiedBy(
  parent: TrustAnchor,
  evidence: Omit<CertifyEvidence, 'certifiedPublic'>,
): TrustAnchor {
  requireMethod(parent, 'parent', 'endorse')
  requireObject(evidence, 'evidence')
  for (const name of ['attest', 'signature', 'akPublic'] as const) {
    requireBytes(evidence[name], `evidence.${name}`)
  }
  return {
    kind: 'certified-ak',
    endorse: async (key, now) => {
      const quote = await parsed(concat(evidence.attest), parseAttest)
      const signature = await parsed(concat(evidence.signature), parseSignature)
      const signer = await parsed(concat(evidence.akPublic), parseKey)
      if (quote.value?.attested.type !== 'certify') {
        return refuse(CODE, 'the statement is not a certification')
      }
      if (!equalBytes(quote.value.attested.name, key.name)) {
        return refuse(CODE, 'the statement certifies another key')
      }
      if (signature.value === undefined || signer.value === undefined) {
        return refuse(CODE, 'signature or key of the certification cannot be parsed')
      }
      const { publicArea } = signer.value
      const flaw = [
        checkQuoteMagic({ quote }),
        checkAkAttributes({ ak: signer }),
        keyStrength(publicArea),
        schemesAgree(publicArea, signature.value),
        await verifySignature(publicArea, signature.value, quote.value.signedBytes),
      ].find(({ status }) => status !== 'pass')
      if (flaw !== undefined) return refuse(CODE, flaw.detail)
      // The certificate of the parent is not one of this key: its verdicts do not apply here.
      const { trust, code, detail } = await parent.endorse(signer.value, now)
      return { trust, code, detail }
    },
  }
}
