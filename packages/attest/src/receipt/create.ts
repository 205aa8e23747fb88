import { encodeBase64 } from '../bytes/base64.js'
import { decodeEvidence, type TpmAttestation } from '../evidence.js'
import { parsePcrSelection } from '../pcr/selection.js'
import type { AttestationResult } from '../result.js'
import { saltedDigest } from './digest.js'
import { RECEIPT_FORMAT, type Receipt } from './receipt.js'

/** What a client knows when it has judged an answer. */
export interface ReceiptFacts extends Pick<
  Receipt,
  'writtenBy' | 'payloadId' | 'payloadIdMode' | 'algorithm' | 'serverKey'
> {
  readonly createdAt: Date
  /** The JSON value that was sealed. */
  readonly request: unknown
  /** The JSON value that was opened. */
  readonly answer: unknown
  /** `tpm_attestation` of the answer, whatever the server made of it. */
  readonly evidence: unknown
  /** By which the machine vouched for the server key, where it was asked. */
  readonly keyEvidence:
    | { readonly spki: Uint8Array; readonly nonce: Uint8Array; readonly evidence: unknown }
    | undefined
  readonly policy: Receipt['policy'] | undefined
  readonly result: AttestationResult | undefined
}

/** Makes the receipt of an answer. Never throws because of what the server sent. */
export async function createReceipt(facts: ReceiptFacts): Promise<Receipt> {
  const { keyEvidence, result } = facts
  const forKey = keyEvidence === undefined ? null : sound(keyEvidence.evidence)
  const [request, answer] = await Promise.all([
    saltedDigest(facts.request, 'request'),
    saltedDigest(facts.answer, 'answer'),
  ])
  return {
    format: RECEIPT_FORMAT,
    createdAt: facts.createdAt.toISOString(),
    writtenBy: facts.writtenBy,
    payloadId: facts.payloadId,
    payloadIdMode: facts.payloadIdMode,
    algorithm: facts.algorithm,
    serverKey: facts.serverKey,
    request,
    answer,
    evidence: sound(facts.evidence),
    keyEvidence:
      keyEvidence === undefined || forKey === null
        ? null
        : {
            spki: encodeBase64(keyEvidence.spki),
            nonce: encodeBase64(keyEvidence.nonce),
            evidence: forKey,
          },
    policy: facts.policy ?? null,
    result:
      result === undefined
        ? null
        : { tier: result.tier, trust: result.trust, checks: result.checks },
  }
}

/**
 * Evidence as far as its form is right, and nothing else of what a server put there: a receipt must
 * not become a place for the words of an answer.
 */
function sound(json: unknown): TpmAttestation | null {
  try {
    const { pcrBanks, pcrValues, quote, signature, akPublic } = decodeEvidence(json)
    parsePcrSelection(pcrBanks)
    return {
      is_available: true,
      pcr_banks: pcrBanks,
      pcr_values: pcrValues,
      quote_b64: encodeBase64(quote),
      signature_b64: encodeBase64(signature),
      aik_pubkey_b64: encodeBase64(akPublic),
    }
  } catch {
    return null
  }
}
