import type { Bytes } from './types.js'

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** With the 0x by which people know it for hex. */
export function toHexNumber(value: bigint | number): string {
  return `0x${value.toString(16)}`
}

/** Undefined for anything but whole bytes in hex, upper or lower case. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    parseInt(text.slice(2 * index, 2 * index + 2), 16),
  )
}
