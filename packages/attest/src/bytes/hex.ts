import type { Bytes } from './bytes.js'

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Formats a number in hex with the prefix 0x. */
export function toHexNumber(value: bigint | number): string {
  return `0x${value.toString(16)}`
}

/** Decodes whole bytes in upper- or lower-case hex; returns undefined for anything else. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    parseInt(text.slice(2 * index, 2 * index + 2), 16),
  )
}

/** Converts big-endian bytes to a number. */
export function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`)
}
