import buffer, { Buffer } from 'node:buffer'
import { KeyObject, createCipheriv, createDecipheriv, createHash, publicEncrypt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Bytes } from '../bytes/bytes.js'
import { free, plain, quickKey } from './node-bytes.js'
import { NodeByteSearch } from './node-byte-search.js'
import { encodeJson } from './node-json.js'
import { TAG_BYTES, decodeUtf8, type Platform } from './platform.js'

/** A multiple of 3 and of 16: parts this small stay in the processor's cache, and none is padded. */
const PART_BYTES = 48 * 1024
/** The base64 of such a part. */
const PART_CHARACTERS = (PART_BYTES / 3) * 4
/** Processed between two turns of the event loop. */
const TURN_BYTES = 16 * PART_BYTES

/**
 * The platform of Node, Bun and Deno. No operation uses a thread, because the hop to one takes longer
 * than the work for small messages. Large messages are processed in small parts, because they cost time
 * mainly by touching new memory, and in turns with other work.
 */
export const platform: Platform = {
  turn: () => setImmediate(),
  // The pool of `allocUnsafe` would hold it beside buffers of others.
  allocate: (size) => plain(Buffer.allocUnsafeSlow(size)),
  encodeJson,
  decodeUtf8: Number.parseInt(process.versions.node) < 24 ? decodeUtf8ByTranscoding : decodeUtf8,
  search: (bytes) => new NodeByteSearch(bytes),
  encodeBase64: (bytes) => view(bytes).toString('base64'),
  encodeBase64Into,
  decodeBase64Into,
  sha256: (bytes) => plain(createHash('sha256').update(bytes).digest()),
  encryptRsaOaep: (key, secret) =>
    plain(publicEncrypt({ key: KeyObject.from(key), oaepHash: 'sha256' }, secret)),
  encryptAesGcm,
  decryptAesGcm,
  refusePublicKey: async (text) => (await import('../keys/refusals.js')).refusePublicKey(text),
}

/** Before Node 24, `TextDecoder` takes six times as long for text beyond ASCII. */
function decodeUtf8ByTranscoding(bytes: Uint8Array): string | undefined {
  if (!buffer.isUtf8(bytes)) return undefined
  if (buffer.isAscii(bytes)) return view(bytes).toString('latin1')
  const utf16 = buffer.transcode(bytes, 'utf8', 'ucs2')
  const text = utf16.toString('ucs2')
  utf16.fill(0)
  return text
}

function encodeBase64Into(source: Uint8Array, target: Uint8Array, offset: number): number {
  const from = view(source)
  const to = view(target)
  let out = offset
  for (let at = 0; at < from.length; at += PART_BYTES) {
    out += to.write(from.toString('base64', at, at + PART_BYTES), out, 'latin1')
  }
  return out
}

/**
 * Node's decoder is lenient: it skips what is not base64, so that fewer bytes are written, and reads `-` and `_`
 * as `+` and `/`. The last part, which may end with padding, must encode to the same spelling again.
 */
async function decodeBase64Into(ascii: Uint8Array, target: Uint8Array): Promise<boolean> {
  const from = view(ascii)
  const to = view(target)
  let out = 0
  for (let at = 0; at < from.length; at += PART_CHARACTERS) {
    const text = from.toString('latin1', at, at + PART_CHARACTERS)
    const written = to.write(text, out, 'base64')
    const isCanonical =
      at + PART_CHARACTERS < from.length
        ? written === PART_BYTES && !text.includes('-') && !text.includes('_')
        : to.toString('base64', out, out + written) === text
    if (!isCanonical) return false
    out += written
    if (isEndOfTurn(out, target.length)) await setImmediate()
  }
  return true
}

/** Megabytes take milliseconds: other work gets its turn in between, where half a turn or more is left. */
const isEndOfTurn = (bytesDone: number, bytes: number): boolean =>
  bytesDone % TURN_BYTES === 0 && bytes - bytesDone >= TURN_BYTES / 2

async function encryptAesGcm(
  plaintext: Bytes,
  key: Bytes,
  nonce: Bytes,
  emit: (ciphertext: Uint8Array) => void,
): Promise<Bytes> {
  const cipher = createCipheriv('aes-256-gcm', quickKey(key), nonce, { authTagLength: TAG_BYTES })
  for (let at = 0; at < plaintext.length; at += PART_BYTES) {
    const part = cipher.update(plaintext.subarray(at, at + PART_BYTES))
    emit(part)
    free(part)
    if (isEndOfTurn(at + PART_BYTES, plaintext.length)) await setImmediate()
  }
  cipher.final()
  return plain(cipher.getAuthTag())
}

/** Decrypts in place: plaintext that is not authentic is overwritten before it is returned. */
async function decryptAesGcm(
  ciphertextAndTag: Bytes,
  key: Bytes,
  nonce: Bytes,
): Promise<Bytes | undefined> {
  const bytes = ciphertextAndTag.subarray(0, ciphertextAndTag.length - TAG_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', quickKey(key), nonce, {
    authTagLength: TAG_BYTES,
  })
  decipher.setAuthTag(ciphertextAndTag.subarray(bytes.length))
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    const part = decipher.update(bytes.subarray(at, at + PART_BYTES))
    bytes.set(part, at)
    part.fill(0)
    free(part)
    if (isEndOfTurn(at + PART_BYTES, bytes.length)) await setImmediate()
  }
  try {
    decipher.final()
  } catch {
    bytes.fill(0)
    return undefined
  }
  return bytes
}

const view = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
