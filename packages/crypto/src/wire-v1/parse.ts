import type { Bytes } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import type { OpenOptions } from '../suite.js'
import { WIRE_V1, type EnvelopeParts } from './format.js'
import { jsonReader } from './json-reader.js'

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024
/** A modulus of 2048 to 8192 bits. */
const MIN_WRAPPED_KEY_BYTES = 256
const MAX_WRAPPED_KEY_BYTES = 1024

/**
 * Reads an envelope from untrusted bytes without touching a key. The result has exact lengths and
 * came from the one canonical base64 spelling; unknown members are ignored, and the last one of
 * repeated members counts.
 *
 * @throws SecurityError `ERR_ENVELOPE_TOO_LARGE`, `ERR_ENVELOPE_UNSUPPORTED`, `ERR_ENVELOPE_INVALID`
 */
export function parseEnvelope(body: Uint8Array, options: OpenOptions): EnvelopeParts {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES
  if (body.length > maxBytes) {
    throw new SecurityError(
      'ERR_ENVELOPE_TOO_LARGE',
      `The envelope is larger than ${String(maxBytes)} bytes.`,
    )
  }
  const json = jsonReader(body)
  const { version, algorithm, keyAlgorithm, payloadAlgorithm, nonceBytes, tagBytes } = WIRE_V1
  const envelope = json.object({
    version: () => json.text(version),
    algorithm: () => json.text(algorithm),
    key_algorithm: () => json.text(keyAlgorithm),
    payload_algorithm: () => json.text(payloadAlgorithm),
    encrypted_payload: () =>
      json.object({
        ciphertext: () => json.base64(0, Infinity, tagBytes),
        nonce: () => json.base64(nonceBytes, nonceBytes),
        tag: () => json.base64(tagBytes, tagBytes),
      }),
    encrypted_aes_key: () => json.base64(MIN_WRAPPED_KEY_BYTES, MAX_WRAPPED_KEY_BYTES),
    processed_at: () => json.numberOrNull(),
  })
  json.end()
  if (envelope === undefined) throw invalid('version')
  checkLabels(envelope)
  const payload = required(envelope, 'encrypted_payload')
  return {
    ciphertextAndTag: joinTag(payload, options),
    nonce: required(payload, 'nonce'),
    wrappedKey: required(envelope, 'encrypted_aes_key'),
    processedAt: 'processed_at' in envelope ? required(envelope, 'processed_at') : null,
    tagIsAppended: !('tag' in payload),
  }
}

/**
 * `version` and `algorithm` are required. `key_algorithm` and `payload_algorithm` may both be absent,
 * as early clients omit them; one without the other is no sender's form but a damaged envelope.
 *
 * @param labels - for each label present, whether it is the supported one
 */
function checkLabels(labels: Readonly<Partial<Record<(typeof LABELS)[number], boolean>>>): void {
  const isEarly = !('key_algorithm' in labels || 'payload_algorithm' in labels)
  for (const name of isEarly ? LABELS.slice(0, 2) : LABELS) {
    if (required(labels, name)) continue
    throw new SecurityError('ERR_ENVELOPE_UNSUPPORTED', `The envelope's ${name} is not supported.`)
  }
}

const LABELS = ['version', 'algorithm', 'key_algorithm', 'payload_algorithm'] as const

/** Puts the tag into the room behind the ciphertext, without a copy of the ciphertext. */
function joinTag(
  payload: { readonly ciphertext?: Bytes | undefined; readonly tag?: Bytes | undefined },
  { acceptAppendedTag = false }: OpenOptions,
): Bytes {
  const joined = required(payload, 'ciphertext')
  const ciphertextBytes = joined.length - WIRE_V1.tagBytes
  if (!acceptAppendedTag || 'tag' in payload) {
    joined.set(required(payload, 'tag'), ciphertextBytes)
    return joined
  }
  if (ciphertextBytes < WIRE_V1.tagBytes) throw invalid('ciphertext')
  return joined.subarray(0, ciphertextBytes)
}

/** A member that must have been read; undefined means that it is missing or malformed. */
function required<T, Name extends keyof T & string>(
  object: T,
  name: Name,
): Exclude<T[Name], undefined> {
  const value = object[name]
  if (value === undefined) throw invalid(name)
  return value as Exclude<T[Name], undefined>
}

const invalid = (member: string): SecurityError =>
  new SecurityError(
    'ERR_ENVELOPE_INVALID',
    `The envelope's member ${member} is missing or malformed.`,
  )
