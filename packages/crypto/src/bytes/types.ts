/** Bytes that WebCrypto takes: not backed by shared memory. */
export type Bytes = Uint8Array<ArrayBuffer>

/** The same bytes, copied only when they lie in shared memory (another thread could change them). */
export function ownBytes(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Bytes) : new Uint8Array(bytes)
}
