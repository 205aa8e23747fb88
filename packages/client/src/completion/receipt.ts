import type { AttestationResult } from '@nomyo/attest'
import type { Wire2Input } from '@nomyo/attest/receipt'
import type { OpenedJson, PublicKey } from '@nomyo/crypto'
import { version } from '../../package.json'
import type { KeyAttestationResult } from '../attestation/key-attestation.js'
import { APIConnectionError } from '@nomyo/transport'
import type { ClientConfig } from '../config/options.js'

/** A request as it was sent on wire 1. */
export interface SentRequest {
  /** UTF-8 JSON, with or without padding. */
  readonly payload: Uint8Array
  readonly serverKey: PublicKey
  /** Attestation of the server key, where it was required before sending. */
  readonly attested: KeyAttestationResult | undefined
}

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

/** Creates the receipt of an answer, where one is requested, and waits until it is taken. */
export async function emitReceipt(
  { payloadId, opened, evidence, result }: CheckedAnswer,
  { payload, ...sent }: RequestFacts,
  { onReceipt, attestation }: ClientConfig,
): Promise<void> {
  if (onReceipt === undefined) return
  const { createReceipt } = await loadReceipts()
  const receipt = await createReceipt({
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
  await onReceipt(receipt)
}

/**
 * Loads the code of receipts, where they are requested: before a request is sent, since its answer would be
 * lost without it.
 *
 * @throws APIConnectionError `ERR_NETWORK`
 */
export async function prepareReceipts({ onReceipt }: ClientConfig): Promise<void> {
  if (onReceipt !== undefined) await loadReceipts()
}

async function loadReceipts(): Promise<typeof import('./create-receipt.js')> {
  try {
    return await import('./create-receipt.js')
  } catch {
    throw new APIConnectionError('ERR_NETWORK', 'The code of receipts could not be loaded.')
  }
}
