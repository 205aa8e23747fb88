import { encodeBase64 } from '../bytes/base64.js'
import { decodeEvidence, type TpmAttestation } from '../evidence/evidence.js'
import type { AttestationResult } from '../result/result.js'
import { parsePcrSelection } from '../structures/pcr-selection.js'
import { saltedDigest } from './digest.js'
import { RECEIPT_FORMAT, type Receipt } from './receipt.js'

/** Input of a receipt: the facts of an answered request. */
export interface ReceiptInput extends Pick<
  Receipt,
  'writtenBy' | 'payloadId' | 'payloadIdMode' | 'algorithm' | 'serverKey'
> {
  readonly createdAt: Date
  /** JSON value of the plaintext request. */
  readonly request: unknown
  /** JSON value of the plaintext answer. */
  readonly answer: unknown
  /** `tpm_attestation` of the answer, as received. */
  readonly evidence: unknown
  /** Evidence that endorses the server key, where it was requested. */
  readonly keyEvidence:
    | { readonly spki: Uint8Array; readonly nonce: Uint8Array; readonly evidence: unknown }
    | undefined
  readonly policy: Receipt['policy'] | undefined
  readonly result: AttestationResult | undefined
}

/** Creates the receipt of an answer. Never throws because of the content of the answer. */
export async function createReceipt(input: ReceiptInput): Promise<Receipt> {
  const { keyEvidence, result } = input
  const forKey = keyEvidence === undefined ? null : sound(keyEvidence.evidence)
  const [request, answer] = await Promise.all([
    saltedDigest(input.request, 'request'),
    saltedDigest(input.answer, 'answer'),
  ])
  return {
    format: RECEIPT_FORMAT,
    createdAt: input.createdAt.toISOString(),
    writtenBy: input.writtenBy,
    payloadId: input.payloadId,
    payloadIdMode: input.payloadIdMode,
    algorithm: input.algorithm,
    serverKey: input.serverKey,
    request,
    answer,
    evidence: sound(input.evidence),
    keyEvidence:
      keyEvidence === undefined || forKey === null
        ? null
        : {
            spki: encodeBase64(keyEvidence.spki),
            nonce: encodeBase64(keyEvidence.nonce),
            evidence: forKey,
          },
    policy: input.policy ?? null,
    result:
      result === undefined
        ? null
        : { tier: result.tier, trust: result.trust, checks: result.checks },
  }
}

/**
 * Returns well-formed evidence without other members that a server put there: a receipt must not carry
 * text of an answer.
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
