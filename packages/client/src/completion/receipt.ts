import type { PublicKey } from '@nomyo/crypto'
import type { KeyAttestationResult } from '../attestation/key-attestation.js'
import type { ClientConfig } from '../config/options.js'
import { loadCode } from '../load-code.js'
import type { CheckedAnswer, RequestFacts } from './create-receipt.js'

/** A request as it was sent on wire 1. */
export interface SentRequest {
  /** UTF-8 JSON, with or without padding. */
  readonly payload: Uint8Array
  readonly serverKey: PublicKey
  /** Attestation of the server key, where it was required before sending. */
  readonly attested: KeyAttestationResult | undefined
}

/** Creates the receipt of an answer, where one is requested, and waits until it is taken. */
export async function emitReceipt(
  answer: CheckedAnswer,
  facts: RequestFacts,
  config: ClientConfig,
): Promise<void> {
  if (config.onReceipt === undefined) return
  const { receiptOf } = await loadReceipts()
  await config.onReceipt(await receiptOf(answer, facts, config))
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

const loadReceipts = (): Promise<typeof import('./create-receipt.js')> =>
  loadCode(() => import('./create-receipt.js'), 'receipts')
