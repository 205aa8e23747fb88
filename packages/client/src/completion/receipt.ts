import type { AttestationResult } from '@nomyo/attest'
import { createReceipt } from '@nomyo/attest/receipt'
import type { OpenedJson, PublicKey } from '@nomyo/crypto'
import { version } from '../../package.json'
import type { KeyAttestationResult } from '../attestation/key-attestation.js'
import type { ClientConfig } from '../config/options.js'
import type { SplitRequest } from './seal-request.js'
import { sealedMetadata } from './open-response.js'

/** An answer that was judged, and what it was asked with. */
export interface AppraisedAnswer {
  readonly opened: OpenedJson
  readonly payloadId: string
  readonly serverKey: PublicKey
  readonly vouched: KeyAttestationResult | undefined
  readonly result: AttestationResult | undefined
}

/** Makes the receipt of an answer for those who want one, and waits until they have it. */
export async function emitReceipt(
  { opened, payloadId, serverKey, vouched, result }: AppraisedAnswer,
  { payload }: SplitRequest,
  { onReceipt, attestation }: ClientConfig,
): Promise<void> {
  if (onReceipt === undefined) return
  const receipt = await createReceipt({
    createdAt: new Date(),
    writtenBy: `@nomyo/client/${version}`,
    payloadId,
    payloadIdMode: attestation?.payloadIdMode ?? 'sha256',
    algorithm: opened.algorithm,
    serverKey: serverKey.fingerprint,
    request: JSON.parse(new TextDecoder().decode(payload)) as unknown,
    answer: opened.value,
    evidence: sealedMetadata(opened.value)['tpm_attestation'],
    keyEvidence: vouched?.keyEvidence,
    policy: attestation?.policy.document,
    result,
  })
  await onReceipt(receipt)
}
