import { requireBytes, requireObject, requireText } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import { concat, u16, type Bytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'

/** Input of the extraData of a quote that endorses a server's encryption key. */
export interface KeyBinding {
  /** 32 bytes from a CSPRNG, made by the caller for this one quote. */
  readonly nonce: Uint8Array
  /** DER of the SubjectPublicKeyInfo to encrypt to. */
  readonly spki: Uint8Array
}

/** Input of the extraData of a quote that endorses the key statement of wire 2. */
export interface StatementBinding {
  /** 32 bytes from a CSPRNG, made by the caller for this one quote. */
  readonly nonce: Uint8Array
  /** The bytes that the gateway's identity key signs. */
  readonly statement: Uint8Array
}

/**
 * The expected extraData of a quote.
 *
 * - `payloadId`: id of the answered request, whose SHA-256 the quote carries. Nothing that a machine signs
 *   elsewhere can pass for it, as it can for the id itself
 * - `extraData`: exactly these bytes
 * - {@link KeyBinding}: the server's key and a nonce of the caller
 * - {@link StatementBinding}: the key statement of wire 2 and a nonce of the caller
 */
export type NonceExpectation =
  | { readonly payloadId: string; readonly mode: 'sha256' }
  | { readonly extraData: Uint8Array }
  | KeyBinding
  | StatementBinding

const KEY_BINDING_LABEL = 'nomyo/attest/key-binding/v1\0'
const STATEMENT_LABEL = 'nomyo/attest/wire2/v1\0'
/** Greatest length that the input of the hash can state. */
export const MAX_NONCE_BYTES = 0xffff

/**
 * Computes the extraData by which a quote endorses a server key:
 * SHA-256(`nomyo/attest/key-binding/v1` and a zero byte ‖ u16 length of the nonce ‖ nonce ‖ SHA-256(SPKI)).
 *
 * @returns 32 bytes
 */
export async function keyBindingExtraData(binding: KeyBinding): Promise<Bytes> {
  requireObject(binding, 'the binding')
  const { nonce, spki } = binding
  requireNonce(nonce)
  requireBytes(spki, 'spki')
  return boundExtraData(KEY_BINDING_LABEL, nonce, spki)
}

/**
 * Computes the extraData by which a quote endorses a key statement of wire 2, and with it the request
 * keys, their lifetime and the oldest wire:
 * SHA-256(`nomyo/attest/wire2/v1` and a zero byte ‖ u16 length of the nonce ‖ nonce ‖ SHA-256(statement)).
 *
 * @returns 32 bytes
 * @throws PolicyError `ERR_POLICY_INVALID`
 * @example
 * ```ts
 * import { appraise, statementExtraData } from '@nomyo/attest'
 *
 * declare const statement: Uint8Array, evidence: unknown
 *
 * const nonce = crypto.getRandomValues(new Uint8Array(32))
 * const extraData = await statementExtraData({ nonce, statement }) // what the TPM quotes
 * const result = await appraise(evidence, {
 *   nonce: { nonce, statement },
 *   requiredPcrs: 'sha256:0,7',
 *   trust: 'none',
 * })
 * ```
 */
export async function statementExtraData(binding: StatementBinding): Promise<Bytes> {
  requireObject(binding, 'the binding')
  const { nonce, statement } = binding
  requireNonce(nonce)
  requireBytes(statement, 'statement')
  return boundExtraData(STATEMENT_LABEL, nonce, statement)
}

/** A longer one has no length of two bytes: two nonces could be cut at another place. */
function requireNonce(nonce: unknown): void {
  requireBytes(nonce, 'nonce')
  if ((nonce as Uint8Array).length > MAX_NONCE_BYTES) {
    throw new PolicyError('nonce must have at most 65535 bytes')
  }
}

async function boundExtraData(
  label: string,
  nonce: Uint8Array,
  subject: Uint8Array,
): Promise<Bytes> {
  return digest(
    'sha256',
    new TextEncoder().encode(label),
    u16(nonce.length),
    nonce,
    await digest('sha256', subject),
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
  if ('statement' in expectation) return statementExtraData(expectation)
  if ('extraData' in expectation) return Promise.resolve(concat(expectation.extraData))
  return payloadIdExtraData(expectation.payloadId)
}

/** Returns the bytes an attacker has to guess: the hash of a short value is as weak as the value. */
export function entropyBytes(expectation: NonceExpectation): number {
  if ('nonce' in expectation) return expectation.nonce.length
  if ('extraData' in expectation) return expectation.extraData.length
  return new TextEncoder().encode(expectation.payloadId).length
}
