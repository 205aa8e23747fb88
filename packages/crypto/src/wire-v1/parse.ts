import { platform } from '#crypto-platform'
import { requireInteger } from '../arguments.js'
import { concat, type Bytes } from '../bytes/bytes.js'
import { decodeBase64, decodeBase64Text } from '../bytes/decode-base64.js'
import { parseJsonObject } from '../bytes/json-object.js'
import { SecurityError } from '../errors.js'
import type { OpenOptions } from '../suite.js'
import { WIRE_V1, type EnvelopeParts } from './format.js'

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024
/** An envelope has two levels; the rest is room for unknown members. */
const MAX_DEPTH = 32
/** Longer base64 is decoded from the bytes of the envelope: no JSON parser sees it. */
const MAX_PARSED_BASE64 = 16 * 1024
/** The most that a JSON parser sees: known members other than the ciphertext take 2 KiB. */
const MAX_PARSED_BYTES = 64 * 1024
/** A modulus of 2048 to 8192 bits. */
const MIN_WRAPPED_KEY_BYTES = 256
const MAX_WRAPPED_KEY_BYTES = 1024

const QUOTE = 0x22

/**
 * Reads an envelope from untrusted bytes without touching a key. The result has exact lengths and
 * came from the one canonical base64 spelling; unknown members are ignored, and the last one of
 * repeated members counts.
 *
 * @throws SecurityError `ERR_ENVELOPE_TOO_LARGE`, `ERR_ENVELOPE_UNSUPPORTED`, `ERR_ENVELOPE_INVALID`
 */
export async function parseEnvelope(
  body: Uint8Array,
  { maxBytes = DEFAULT_MAX_BYTES, acceptAppendedTag }: OpenOptions,
): Promise<EnvelopeParts> {
  requireInteger(maxBytes, 'maxBytes')
  if (body.length > maxBytes) {
    throw tooLarge(`The envelope is larger than ${String(maxBytes)} bytes.`)
  }
  const { json, long } = await cutLongBase64(body)
  const envelope = await parseJsonObject(json, 'ERR_ENVELOPE_INVALID', MAX_DEPTH)
  checkLabels(envelope)
  const payload = own(envelope, 'encrypted_payload') ?? {}
  const { nonceBytes, tagBytes } = WIRE_V1
  const tagIsAppended = acceptAppendedTag === true && own(payload, 'tag') === undefined
  // With room for the tag, so that the ciphertext is never copied.
  const sealed =
    long.get(string(payload, 'ciphertext')) ?? base64(payload, 'ciphertext', 0, Infinity, tagBytes)
  if (tagIsAppended && sealed.length < 2 * tagBytes) throw invalid('ciphertext')
  if (!tagIsAppended) {
    sealed.set(base64(payload, 'tag', tagBytes, tagBytes), sealed.length - tagBytes)
  }
  const processedAt = own(envelope, 'processed_at') ?? null
  if (processedAt !== null && !Number.isFinite(processedAt)) throw invalid('processed_at')
  return {
    ciphertextAndTag: tagIsAppended ? sealed.subarray(0, -tagBytes) : sealed,
    nonce: base64(payload, 'nonce', nonceBytes, nonceBytes),
    wrappedKey: base64(envelope, 'encrypted_aes_key', MIN_WRAPPED_KEY_BYTES, MAX_WRAPPED_KEY_BYTES),
    processedAt: processedAt as number | null,
    tagIsAppended,
  }
}

/**
 * Cuts long base64 out of JSON and decodes it. A placeholder stands for each string. Between two
 * quotes, JSON has nothing but base64 only where that is the content of a string, so that the JSON
 * around it stays what it is, valid or not.
 *
 * @returns the JSON, and for each placeholder the decoded bytes, with room for a tag
 */
async function cutLongBase64(
  body: Uint8Array,
): Promise<{ json: Bytes; long: ReadonlyMap<string, Bytes> }> {
  const long = new Map<string, Bytes>()
  const kept: Uint8Array[] = []
  let keptBytes = 0
  let start = 0
  const keep = (end: number, placeholder = ''): void => {
    const part = body.subarray(start, end)
    kept.push(part, new TextEncoder().encode(placeholder))
    keptBytes += part.length + placeholder.length
    if (keptBytes > MAX_PARSED_BYTES)
      throw tooLarge('The envelope has too many bytes beside its ciphertext.')
  }
  const search = platform.search(body)
  let quote = search.next(QUOTE, 0)
  // Ends early where too much would be kept, so that the searches have the same limit.
  for (let next; quote >= 0 && keptBytes + quote - start < MAX_PARSED_BYTES; quote = next) {
    next = search.next(QUOTE, quote + 1)
    if (next - quote <= MAX_PARSED_BASE64) continue
    const bytes = await decodeBase64(body.subarray(quote + 1, next), WIRE_V1.tagBytes)
    if (bytes === undefined && next - quote <= MAX_PARSED_BYTES) continue
    if (bytes === undefined) throw invalid('ciphertext')
    // Random, so that no string of the envelope is the same.
    const placeholder = crypto.randomUUID()
    long.set(placeholder, bytes)
    keep(quote + 1, placeholder)
    start = next
  }
  keep(body.length)
  return { json: concat(kept, keptBytes), long }
}

/**
 * `version` and `algorithm` are required. `key_algorithm` and `payload_algorithm` may both be absent,
 * as early clients omit them; one without the other is no sender's form but a damaged envelope.
 */
function checkLabels(envelope: object): void {
  const isEarly = LABELS.slice(2).every(([name]) => own(envelope, name) === undefined)
  for (const [name, label] of isEarly ? LABELS.slice(0, 2) : LABELS) {
    const value = own(envelope, name)
    if (value === undefined) throw invalid(name)
    if (value === label) continue
    throw new SecurityError('ERR_ENVELOPE_UNSUPPORTED', `The envelope's ${name} is not supported.`)
  }
}

const LABELS = [
  ['version', WIRE_V1.version],
  ['algorithm', WIRE_V1.algorithm],
  ['key_algorithm', WIRE_V1.keyAlgorithm],
  ['payload_algorithm', WIRE_V1.payloadAlgorithm],
] as const

/** A member of parsed JSON, never one that an object inherits; undefined where it is absent. */
const own = (value: object, name: string): unknown =>
  Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined

function string(object: object, name: string): string {
  const value = own(object, name)
  if (typeof value !== 'string') throw invalid(name)
  return value
}

function base64(
  object: object,
  name: string,
  minBytes: number,
  maxBytes: number,
  spareBytes = 0,
): Bytes {
  const bytes = decodeBase64Text(string(object, name), spareBytes)
  const length = (bytes?.length ?? -Infinity) - spareBytes
  if (bytes === undefined || length < minBytes || length > maxBytes) throw invalid(name)
  return bytes
}

const tooLarge = (message: string): SecurityError =>
  new SecurityError('ERR_ENVELOPE_TOO_LARGE', message)

const invalid = (member: string): SecurityError =>
  new SecurityError(
    'ERR_ENVELOPE_INVALID',
    `The envelope's member ${member} is missing or malformed.`,
  )
