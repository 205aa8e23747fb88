import { concat, digest } from './bytes/digest.js'
import type { Bytes } from './bytes/types.js'

/** The extraData of a quote that vouches for a server's encryption key. */
export interface KeyBinding {
  /** From a CSPRNG, 32 bytes; made by the caller for this one quote. */
  readonly nonce: Uint8Array
  /** DER of the SubjectPublicKeyInfo that will be encrypted to. */
  readonly spki: Uint8Array
}

/**
 * What the quote must carry as its extraData.
 *
 * - `payloadId`: the id of the request answered; `sha256` is what gateways do, `raw` the UTF-8 itself
 * - `extraData`: exactly these bytes
 * - {@link KeyBinding}: the server's key and a nonce of the caller
 */
export type NonceExpectation =
  | { readonly payloadId: string; readonly mode: 'sha256' | 'raw' }
  | { readonly extraData: Uint8Array }
  | KeyBinding

const KEY_BINDING_LABEL = 'nomyo/attest/key-binding/v1\0'

/**
 * The extraData by which a quote vouches for a server key:
 * SHA-256(`nomyo/attest/key-binding/v1` and a zero byte ‖ u16 length of the nonce ‖ nonce ‖ SHA-256(SPKI)).
 *
 * @returns 32 bytes
 */
export async function keyBindingExtraData({ nonce, spki }: KeyBinding): Promise<Bytes> {
  const { length } = nonce
  return digest(
    'sha256',
    new TextEncoder().encode(KEY_BINDING_LABEL),
    Uint8Array.of(length >> 8, length),
    nonce,
    await digest('sha256', spki),
  )
}

/**
 * The extraData by which a quote answers one request: SHA-256 of its payload id.
 *
 * @returns 32 bytes
 */
export function payloadIdExtraData(payloadId: string): Promise<Bytes> {
  return digest('sha256', new TextEncoder().encode(payloadId))
}

/** The bytes an expectation stands for. */
export function expectedExtraData(expectation: NonceExpectation): Promise<Bytes> {
  if ('spki' in expectation) return keyBindingExtraData(expectation)
  if ('extraData' in expectation) return Promise.resolve(concat(expectation.extraData))
  if (expectation.mode === 'sha256') return payloadIdExtraData(expectation.payloadId)
  return Promise.resolve(new TextEncoder().encode(expectation.payloadId))
}

/** What a guesser has to guess: a hash of something short is as weak as the short thing. */
export function entropyBytes(expectation: NonceExpectation): number {
  if ('spki' in expectation) return expectation.nonce.length
  if ('extraData' in expectation) return expectation.extraData.length
  return new TextEncoder().encode(expectation.payloadId).length
}
