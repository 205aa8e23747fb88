import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { keyConfigOf, sealMessage, type RequestOptions } from '../wire-2/client.js'

/** A chunk as an observer of the encrypted answer sees it, who has no key. */
export interface SeenChunk {
  /** Bytes of ciphertext. */
  readonly bytes: number
  readonly atMs: number
}

const NONCE_BYTES = 32

/** Sends a request, and returns the chunks of its answer by what is in the clear: lengths and times. */
export async function observe(
  gateway: { readonly url: string },
  options: RequestOptions,
): Promise<SeenChunk[]> {
  const sealed = await sealMessage(await keyConfigOf(gateway), options)
  const response = await fetch(gateway.url + GATEWAY_PATH, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPES.request },
    body: sealed.body as BodyInit,
  })
  const seen: SeenChunk[] = []
  let rest = new Uint8Array()
  let isBehindNonce = false
  const reader = response.body!.getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const part = read.value
    const atMs = performance.now()
    rest = Buffer.concat([rest, part])
    if (!isBehindNonce && rest.length >= NONCE_BYTES) {
      isBehindNonce = true
      rest = rest.subarray(NONCE_BYTES)
    }
    for (;;) {
      const length = isBehindNonce ? lengthAt(rest) : undefined
      // The final chunk has no length: it takes the rest of the body.
      if (length === undefined || length.bytes === 0) break
      if (rest.length < length.size + length.bytes) break
      seen.push({ bytes: length.bytes, atMs })
      rest = rest.subarray(length.size + length.bytes)
    }
  }
  return seen
}

/** Reads a variable-length integer (RFC 9000, section 16). */
function lengthAt(
  bytes: Uint8Array,
): { readonly bytes: number; readonly size: number } | undefined {
  const [first] = bytes
  if (first === undefined) return undefined
  const size = 1 << (first >> 6)
  if (bytes.length < size) return undefined
  let value = first & 0x3f
  for (const byte of bytes.subarray(1, size)) value = value * 256 + byte
  return { bytes: value, size }
}
