import { requireBytes, requireObject, requireText } from '../arguments.js'
import { concat, u16, type Bytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'

/** Input of the extraData of a quote that endorses a server's encryption key. */
export interface KeyBinding {
  /** 32 bytes from a CSPRNG, made by the caller for this one quote. */
  readonly nonce: Uint8Array
  /** DER of the SubjectPublicKeyInfo to encrypt to. */
  readonly spki: Uint8Array
}

/**
 * The expected extraData of a quote.
 *
 * - `payloadId`: id of the answered request, whose SHA-256 the quote carries. Nothing that a machine signs
 *   elsewhere can pass for it, as it can for the id itself
 * - `extraData`: exactly these bytes
 * - {@link KeyBinding}: the server's key and a nonce of the caller
 */
export type NonceExpectation =
  | { readonly payloadId: string; readonly mode: 'sha256' }
  | { readonly extraData: Uint8Array }
  | KeyBinding

const KEY_BINDING_LABEL = 'nomyo/attest/key-binding/v1\0'

/**
 * Computes the extraData by which a quote endorses a server key:
 * SHA-256(`nomyo/attest/key-binding/v1` and a zero byte ‖ u16 length of the nonce ‖ nonce ‖ SHA-256(SPKI)).
 *
 * @returns 32 bytes
 */
export async function keyBindingExtraData(binding: KeyBinding): Promise<Bytes> {
  requireObject(binding, 'the binding')
  const { nonce, spki } = binding
  requireBytes(nonce, 'nonce')
  requireBytes(spki, 'spki')
  return digest(
    'sha256',
    new TextEncoder().encode(KEY_BINDING_LABEL),
    u16(nonce.length),
    nonce,
    await digest('sha256', spki),
  )
}

/**
 * Computes the extraData by which a quote answers one request: SHA-256 of its payload id.
 *
 * @returns 32 bytes
 */
export async function payloadIdExtraData(payloadId: string): Promise<Bytes> {
  requireText(payloadId, 'payloadId')
  return digest('sha256', new TextEncoder().encode(payloadId))
}

/** Computes the bytes of an expectation. */
export function expectedExtraData(expectation: NonceExpectation): Promise<Bytes> {
  if ('spki' in expectation) return keyBindingExtraData(expectation)
  if ('extraData' in expectation) return Promise.resolve(concat(expectation.extraData))
  return payloadIdExtraData(expectation.payloadId)
}

/** Returns the bytes an attacker has to guess: the hash of a short value is as weak as the value. */
export function entropyBytes(expectation: NonceExpectation): number {
  if ('spki' in expectation) return expectation.nonce.length
  if ('extraData' in expectation) return expectation.extraData.length
  return new TextEncoder().encode(expectation.payloadId).length
}
