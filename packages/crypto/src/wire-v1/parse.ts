import { platform } from '#crypto-platform'
import { decodedLength } from '../bytes/base64.js'
import { isJsonObject, parseJsonObject } from '../bytes/json-object.js'
import type { Bytes } from '../bytes/types.js'
import { SecurityError, type SecurityErrorCode } from '../errors.js'
import type { OpenOptions } from '../suite.js'
import { cutLongString } from './cut-long-string.js'
import { WIRE_V1, type EnvelopeParts } from './format.js'

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024
/** An envelope itself is two levels deep; the rest is room for unknown members. */
const MAX_DEPTH = 32
/** A modulus of 2048 to 8192 bits. */
const WRAPPED_KEY_BYTES = { min: 256, max: 1024 }

type JsonObject = Record<string, unknown>

/**
 * Reads an envelope from untrusted bytes without touching a key. The result has exact lengths and
 * came from the one canonical base64 spelling; unknown members are ignored.
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
  return parseAroundCiphertext(body, options) ?? parseWhole(body, options)
}

/** Reads all of an envelope as JSON: what this gives or throws is what holds. */
export function parseWhole(body: Uint8Array, options: OpenOptions): EnvelopeParts {
  const envelope = parseJson(body)
  return readEnvelope(envelope, options, (payload) =>
    new TextEncoder().encode(readText(payload, 'ciphertext')),
  )
}

/**
 * Reads an envelope with a long ciphertext as {@link parseWhole} does, but without making a string of
 * the ciphertext: that takes most of the time. It is put aside as bytes, and read as base64 from there;
 * base64 has no character that JSON would write in two ways. Undefined for everything that is not
 * accepted: why is for {@link parseWhole} to say.
 *
 * @param leastCharacters - of a ciphertext that is worth it
 */
export function parseAroundCiphertext(
  body: Uint8Array,
  options: OpenOptions,
  leastCharacters = 8192,
): EnvelopeParts | undefined {
  const cut = cutLongString(body, leastCharacters)
  if (cut === undefined) return undefined
  try {
    const envelope = parseJson(cut.rest)
    return readEnvelope(envelope, options, (payload) => {
      // Another member was the long one, or the same comes again behind it.
      if (readText(payload, 'ciphertext') !== cut.placeholder) throw invalid('ciphertext')
      return cut.string
    })
  } catch {
    return undefined
  }
}

const parseJson = (bytes: Uint8Array): JsonObject =>
  parseJsonObject(bytes, {
    maxDepth: MAX_DEPTH,
    what: 'envelope',
    code: 'ERR_ENVELOPE_INVALID',
  })

function readEnvelope(
  envelope: JsonObject,
  options: OpenOptions,
  ciphertextOf: (payload: JsonObject) => Uint8Array,
): EnvelopeParts {
  checkLabels(envelope)
  const payload = own(envelope, 'encrypted_payload')
  if (!isJsonObject(payload)) throw invalid('encrypted_payload')
  return {
    ciphertextAndTag: readCiphertextAndTag(payload, ciphertextOf(payload), options),
    nonce: readBytes(payload, 'nonce', { min: WIRE_V1.nonceBytes, max: WIRE_V1.nonceBytes }),
    wrappedKey: readBytes(envelope, 'encrypted_aes_key', WRAPPED_KEY_BYTES),
    processedAt: readProcessedAt(envelope),
  }
}

/**
 * `version` and `algorithm` must be there. `key_algorithm` and `payload_algorithm` may both be absent,
 * as early clients left them; one without the other is no sender's form but a damaged envelope.
 */
function checkLabels(envelope: JsonObject): void {
  checkLabel(envelope, 'version', WIRE_V1.version)
  checkLabel(envelope, 'algorithm', WIRE_V1.algorithm)
  if (!Object.hasOwn(envelope, 'key_algorithm') && !Object.hasOwn(envelope, 'payload_algorithm'))
    return
  checkLabel(envelope, 'key_algorithm', WIRE_V1.keyAlgorithm)
  checkLabel(envelope, 'payload_algorithm', WIRE_V1.payloadAlgorithm)
}

function checkLabel(envelope: JsonObject, name: string, expected: string): void {
  if (!Object.hasOwn(envelope, name)) throw invalid(name)
  if (envelope[name] !== expected) {
    throw new SecurityError(
      'ERR_ENVELOPE_UNSUPPORTED',
      `The envelope's ${name} is not supported; expected ${expected}.`,
    )
  }
}

/** Both parts go into one buffer, the way WebCrypto wants them, without a copy of the ciphertext. */
function readCiphertextAndTag(
  payload: JsonObject,
  ciphertext: Uint8Array,
  { acceptAppendedTag = false }: OpenOptions,
): Bytes {
  const ciphertextBytes = decodedLength(ciphertext)
  if (ciphertextBytes === undefined) throw invalid('ciphertext')
  const isAppended = acceptAppendedTag && !Object.hasOwn(payload, 'tag')
  const tag = isAppended
    ? new Uint8Array()
    : readBytes(payload, 'tag', { min: WIRE_V1.tagBytes, max: WIRE_V1.tagBytes })
  const joined = new Uint8Array(ciphertextBytes + tag.length)
  if (joined.length < WIRE_V1.tagBytes || !platform.decodeBase64Into(ciphertext, joined)) {
    throw invalid('ciphertext')
  }
  joined.set(tag, ciphertextBytes)
  return joined
}

function readBytes(object: JsonObject, name: string, length: { min: number; max: number }): Bytes {
  const text = readText(object, name)
  // Judged before decoding, so that nothing large is made of a member that should be small.
  const most = Math.ceil(length.max / 3) * 4
  const bytes = text.length <= most ? platform.decodeBase64(text) : undefined
  if (bytes === undefined || bytes.length < length.min || bytes.length > length.max) {
    throw invalid(name)
  }
  return bytes
}

function readText(object: JsonObject, name: string): string {
  const value = own(object, name)
  if (typeof value !== 'string') throw invalid(name)
  return value
}

function readProcessedAt(envelope: JsonObject): number | null {
  const value = own(envelope, 'processed_at') ?? null
  if (value !== null && !(typeof value === 'number' && Number.isFinite(value))) {
    throw invalid('processed_at')
  }
  return value
}

/** The member itself, never one inherited from a prototype. */
function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function invalid(member: string): SecurityError {
  const code: SecurityErrorCode = 'ERR_ENVELOPE_INVALID'
  return new SecurityError(code, `The envelope's member ${member} is missing or malformed.`)
}
