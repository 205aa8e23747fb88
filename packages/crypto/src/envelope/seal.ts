import { requireArgument, requireBytes, requireKey, requireOptions } from '../arguments.js'
import { type Bytes, zeroize } from '../bytes/bytes.js'
import { MAX_PLAINTEXT_DEPTH, isTooComplex, tooComplex } from '../bytes/json-object.js'
import type { PublicKey, SealOptions } from '../suite.js'
import { encodeJson, padJson, type Padding } from './padding.js'

/** Options for sealing JSON. */
export interface SealJsonOptions extends SealOptions {
  /** Default `padme`. */
  padding?: Padding
}

/**
 * Seals bytes for one recipient. Every call uses a fresh key and nonce; the same bytes never give
 * the same envelope.
 *
 * @returns the envelope in its wire format
 * @throws SecurityError `ERR_KEY_TYPE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { generateKeyPair, sealEnvelope } from '@nomyo/crypto'
 *
 * const { publicKey } = await generateKeyPair()
 * const envelope = await sealEnvelope(new TextEncoder().encode('content'), publicKey)
 * ```
 */
export async function sealEnvelope(
  plaintext: Uint8Array,
  recipient: PublicKey,
  options: SealOptions = {},
): Promise<Bytes> {
  requireBytes(plaintext, 'plaintext')
  requireKey(recipient, 'recipient', 'spkiDer')
  requireOptions(options)
  return recipient.suite.seal(plaintext, recipient, options)
}

/**
 * Seals a JSON value for one recipient, its length hidden by trailing white space.
 *
 * @param value - any value that `JSON.stringify` encodes
 * @throws SecurityError `ERR_ENVELOPE_TOO_LARGE` for a value nested deeper, or with more values, than
 * {@link openJson} reads; `ERR_KEY_TYPE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { importPublicKey, sealJson } from '@nomyo/crypto'
 *
 * const response = await fetch('https://api.nomyo.ai/pki/public_key')
 * const serverKey = await importPublicKey(await response.text())
 * const envelope = await sealJson({ model: 'm', messages: [] }, serverKey)
 * ```
 */
export async function sealJson(
  value: unknown,
  recipient: PublicKey,
  options: SealJsonOptions = {},
): Promise<Bytes> {
  requireOptions(options)
  const { padding = 'padme', ...sealOptions } = options
  let padded: Bytes | undefined
  try {
    padded = encodeJson(value, padding)
  } catch (error) {
    // Of cycles and of BigInt.
    requireArgument(!(error instanceof TypeError), 'value must be JSON')
    // Some engines throw a RangeError for deep nesting, others encode it: both are refused here.
    if (!(error instanceof RangeError)) throw error
  }
  try {
    if (padded === undefined) throw tooComplex()
    if (!isSmallTree(value) && isTooComplex(MAX_PLAINTEXT_DEPTH, padded)) throw tooComplex()
    return await sealEnvelope(padded, recipient, sealOptions)
  } finally {
    zeroize(padded)
  }
}

/**
 * Seals JSON that exists as bytes already, its length hidden as {@link sealJson} hides it. The bytes
 * are sealed as they are: nothing checks that they are JSON.
 *
 * @param json - the JSON, or the pieces that it consists of
 * @throws SecurityError `ERR_KEY_TYPE`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { openEnvelope, sealJsonBytes, type KeyPair, type PublicKey } from '@nomyo/crypto'
 *
 * export async function forward(body: Uint8Array, keys: KeyPair, recipient: PublicKey) {
 *   const { plaintext, tagIsAppended } = await openEnvelope(body, keys.privateKey)
 *   return sealJsonBytes(plaintext, recipient, { appendTag: tagIsAppended })
 * }
 * ```
 */
export async function sealJsonBytes(
  json: Uint8Array | Iterable<Uint8Array>,
  recipient: PublicKey,
  options: SealJsonOptions = {},
): Promise<Bytes> {
  requireOptions(options)
  const { padding = 'padme', ...sealOptions } = options
  const padded = padJson(piecesOf(json), padding)
  try {
    return await sealEnvelope(padded, recipient, sealOptions)
  } finally {
    zeroize(padded)
  }
}

/** A fraction of the depth and of the values that JSON may have. */
const [SMALL_OBJECTS, SMALL_VALUES] = [64, 5000]

/**
 * Returns whether a value has few values, however long its strings are, so that its JSON need not be measured.
 * False for values that JSON does not show as they are: those with `toJSON`, and all but plain objects and arrays.
 */
function isSmallTree(value: unknown): boolean {
  const values = [value]
  let objects = 0
  for (const one of values) {
    if (typeof one !== 'object' || one === null) continue
    const prototype: unknown = Object.getPrototypeOf(one)
    const isPlain = Array.isArray(one) || prototype === Object.prototype || prototype === null
    if (!isPlain || 'toJSON' in one || ++objects > SMALL_OBJECTS) return false
    for (const member of Object.values(one)) if (values.push(member) > SMALL_VALUES) return false
  }
  return true
}

function piecesOf(json: unknown): readonly Uint8Array[] {
  if (json instanceof Uint8Array) return [json]
  const isList = typeof json === 'object' && json !== null && Symbol.iterator in json
  requireArgument(isList, 'json must be a Uint8Array, or several')
  const pieces = [...(json as Iterable<Uint8Array>)]
  for (const piece of pieces) requireBytes(piece, 'each piece of json')
  return pieces
}
