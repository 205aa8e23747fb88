import { concat, equalBytes } from '../bytes/digest.js'
import { checkAkAttributes } from '../checks/ak-attributes.js'
import { keyStrength } from '../checks/ak-strength.js'
import { checkQuoteMagic } from '../checks/quote-magic.js'
import { schemesAgree } from '../checks/signature-scheme.js'
import { verifySignature } from '../checks/signature-valid.js'
import { attestationKey, parsed } from '../facts.js'
import { parseAttest } from '../structures/attest.js'
import { parseSignature } from '../structures/signature.js'
import type { TrustAnchor, Vouching } from '../trust/anchor.js'
import type { CertifyEvidence } from './statement.js'

/**
 * Vouches for an attestation key that a longer-lived one has certified with TPM2_Certify, where
 * `parent` vouches for that one: a fresh key for every request, and still a known machine.
 *
 * @param parent - vouches for the key that signed the certification
 * @param evidence - the certification; it may come from the server, it is judged like the quote
 */
export function certifiedBy(
  parent: TrustAnchor,
  evidence: Omit<CertifyEvidence, 'certifiedPublic'>,
): TrustAnchor {
  return {
    kind: 'certified-ak',
    vouchFor: async (key, now) => {
      const quote = await parsed(concat(evidence.attest), parseAttest)
      const signature = await parsed(concat(evidence.signature), parseSignature)
      const signer = await parsed(concat(evidence.akPublic), attestationKey)
      if (quote.value?.attested.type !== 'certify')
        return refused('the statement certifies nothing')
      if (!equalBytes(quote.value.attested.name, key.name)) {
        return refused('the statement certifies another key')
      }
      if (signature.value === undefined || signer.value === undefined) {
        return refused('signature or key of the certification cannot be read')
      }
      const { publicArea } = signer.value
      const flaw = [
        checkQuoteMagic({ quote }),
        checkAkAttributes({ ak: signer }),
        keyStrength(publicArea),
        schemesAgree(publicArea, signature.value),
        await verifySignature(publicArea, signature.value, quote.value.signedBytes),
      ].find(({ status }) => status !== 'pass')
      if (flaw !== undefined) return refused(flaw.detail)
      // A certificate of the parent is none of this key: its checks are not those of this one.
      const { trust, code, detail } = await parent.vouchFor(signer.value, now)
      return { trust, code, detail }
    },
  }
}

function refused(detail: string): Vouching {
  return { trust: 'unendorsed', code: 'AK_NOT_CERTIFIED', detail }
}
