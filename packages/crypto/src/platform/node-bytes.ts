import type { Buffer } from 'node:buffer'
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Bytes } from '../bytes/bytes.js'

/** The same bytes as a plain `Uint8Array`. */
export const plain = ({ buffer, byteOffset, length }: Buffer): Bytes =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, length)

/**
 * Frees the memory of bytes that are no longer needed. The next bytes of this size then take it, while it is still
 * in the processor's cache. Before Node 22 it waits for the garbage collection.
 */
export function free({ buffer, length }: Buffer): void {
  const own = buffer as { transfer?: (size: number) => unknown }
  // Never memory that other bytes share.
  if (length === buffer.byteLength) own.transfer?.(0)
}

/**
 * Node 24 throws and catches two errors inside for a key of bytes, which takes several times as long as the
 * operation. Other versions are quicker with bytes.
 */
export const quickKey: (key: Bytes) => KeyObject | Bytes =
  Number.parseInt(process.versions.node) === 24 ? createSecretKey : (key) => key
