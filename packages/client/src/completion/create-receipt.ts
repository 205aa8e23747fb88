import type { AttestationResult } from '@nomyo/attest'
import { createReceipt, type Receipt, type Wire2Input } from '@nomyo/attest/receipt'
import type { OpenedJson } from '@nomyo/crypto'
import { version } from '../../package.json'
import type { KeyAttestationResult } from '../attestation/key-attestation.js'
import type { ClientConfig } from '../config/options.js'

/** The facts about a request, on whichever wire. */
export interface RequestFacts {
  /** UTF-8 JSON, with or without padding. */
  readonly payload: Uint8Array
  /** Fingerprint of the key that the request was encrypted to, or of the identity that signed it. */
  readonly serverKey: string
  readonly keyEvidence: KeyAttestationResult['keyEvidence'] | undefined
  /** Undefined for wire 1. */
  readonly wire?: Wire2Input
}

/** An answer that passed all checks. */
export interface CheckedAnswer {
  readonly payloadId: string
  readonly opened: Pick<OpenedJson, 'value' | 'algorithm'>
  readonly evidence: unknown
  readonly result: AttestationResult | undefined
}

/** Creates the receipt of an answer. Loaded on demand: few clients keep receipts. */
export function receiptOf(
  { payloadId, opened, evidence, result }: CheckedAnswer,
  { payload, ...sent }: RequestFacts,
  { attestation }: ClientConfig,
): Promise<Receipt> {
  return createReceipt({
    createdAt: new Date(),
    writtenBy: `@nomyo/client/${version}`,
    payloadId,
    payloadIdMode: 'sha256',
    algorithm: opened.algorithm,
    request: JSON.parse(new TextDecoder().decode(payload)) as unknown,
    answer: opened.value,
    evidence,
    policy: attestation?.policy.document,
    result,
    ...sent,
  })
}
