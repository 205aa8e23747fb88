import { createHash } from 'node:crypto'
import { keyFile, type HeaderVector, type KeyVector, type MalformedVector } from './index.js'

const ENVELOPE_CODES: Readonly<Record<string, string>> = {
  FORMAT: 'ERR_ENVELOPE_INVALID',
  UNSUPPORTED: 'ERR_ENVELOPE_UNSUPPORTED',
  LENGTH: 'ERR_ENVELOPE_INVALID',
  CRYPTO: 'ERR_DECRYPTION_FAILED',
  PLAINTEXT: 'ERR_PLAINTEXT_INVALID',
  LIMIT: 'ERR_ENVELOPE_TOO_LARGE',
}

const KEY_CODES: Readonly<Record<string, string>> = {
  KEY_FORMAT: 'ERR_KEY_INVALID',
  KEY_FORMAT_OR_INCONSISTENT: 'ERR_KEY_INVALID',
  KEY_TYPE: 'ERR_KEY_TYPE',
  KEY_WEAK: 'ERR_KEY_WEAK',
  KEY_LIMIT: 'ERR_KEY_LIMIT',
  KEY_PASSWORD: 'ERR_KEY_PASSWORD',
  KEY_MISMATCH: 'ERR_KEY_MISMATCH',
}

/**
 * Reports whether the fault shows only behind the private key: an AES key of a wrong size inside a sound
 * wrapping. It must look like every other failure to decrypt.
 */
export const isBehindPrivateKey = ({ class: kind, name }: MalformedVector): boolean =>
  kind === 'CRYPTO' || /key wrapped(, correctly sealed)?$/.test(name)

/** The code a malformed envelope is refused with. */
export function envelopeRefusal(vector: MalformedVector): string {
  const code = isBehindPrivateKey(vector) ? 'ERR_DECRYPTION_FAILED' : ENVELOPE_CODES[vector.class]
  if (code === undefined) throw new Error(`no code for the class ${vector.class}`)
  return code
}

/** The code a key is refused with; undefined where it must load, or where the choice is ours. */
export function keyRefusal({ expect }: KeyVector): string | undefined {
  if (!expect.startsWith('reject:')) return undefined
  const code = KEY_CODES[expect.slice('reject:'.length)]
  if (code === undefined) throw new Error(`no code for ${expect}`)
  return code
}

const HEADER_CODES: Readonly<Record<string, string>> = {
  '1024 bit': 'ERR_KEY_WEAK',
  EC: 'ERR_KEY_TYPE',
  'private key': 'ERR_KEY_TYPE',
  '16384 bit': 'ERR_KEY_LIMIT',
}

/** The code a spelling of `X-Public-Key` is refused with, where it must be refused. */
export const headerRefusal = ({ name }: HeaderVector): string =>
  HEADER_CODES[name] ?? 'ERR_KEY_INVALID'

/** A key file as text, one character a byte, so that binary files survive. */
export const keyText = (path: string): string => Buffer.from(keyFile(path)).toString('latin1')

/** The pin that belongs to the SHA-256 of an SPKI. */
export const pinOf = (spkiSha256Hex: string): string =>
  `sha256/${Buffer.from(spkiSha256Hex, 'hex').toString('base64')}`

export const sha256Hex = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex')
