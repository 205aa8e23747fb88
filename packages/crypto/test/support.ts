import { platform } from '#crypto-platform'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { expect, onTestFinished } from 'vitest'
import type { Bytes } from '../src/bytes/bytes.js'
import { DerReader, TAG } from '../src/bytes/der.js'
import { smallInteger } from '../src/bytes/der-values.js'
import { SecurityError } from '../src/errors.js'
import { importPrivateKey } from '../src/keys/import.js'
import type { KeyPair } from '../src/suite.js'

const loaded = new Map<string, Promise<KeyPair>>()

/** A key pair of the vectors by its file; read once, because importing costs a trial decryption. */
export function pairOf(path: string): Promise<KeyPair> {
  const known = loaded.get(path)
  if (known !== undefined) return known
  const pair = importPrivateKey(keyPem(path), { extractable: true })
  loaded.set(path, pair)
  return pair
}

/** One of three RSA-4096 pairs; making one anew would take seconds. */
export const testPair = (name: 'server' | 'client' | 'other'): Promise<KeyPair> =>
  pairOf(`keys/${name}.private.pem`)

/** The same key under an object of its own, for tests that dispose of it. */
export const freshPair = (
  name: 'server' | 'client' | 'other',
  options: { extractable?: boolean } = {},
): Promise<KeyPair> => importPrivateKey(keyPem(`keys/${name}.private.pem`), options)

/** Returns the SecurityError of an action. Success and other exceptions fail the test. */
export async function refusalOf(action: () => unknown): Promise<SecurityError> {
  try {
    await action()
  } catch (error) {
    if (error instanceof SecurityError) return error
    throw error
  }
  throw new Error('expected a SecurityError, but the action succeeded')
}

/** Its code alone. */
export const refusalCodeOf = async (action: () => unknown): Promise<string> =>
  (await refusalOf(action)).code

/** Checks the code of the SecurityError of an action. */
export async function expectRefusal(
  action: () => unknown,
  code: string | undefined,
  about?: string,
): Promise<void> {
  expect(await refusalCodeOf(action), about).toBe(code)
}

/** Returns the result of an action, or its SecurityError; other exceptions fail the test. */
export async function valueOrRefusal<T>(action: () => Promise<T>): Promise<T | SecurityError> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof SecurityError) return error
    throw error
  }
}

/** The eight numbers of a PKCS#8 RSA key: n, e, d, p, q, dp, dq, qInv. */
export function numbersOf(pkcs8: Uint8Array): Uint8Array[] {
  const info = new DerReader(pkcs8).sequence()
  smallInteger(info)
  info.sequence()
  const key = new DerReader(info.read(TAG.octetString)).sequence()
  smallInteger(key)
  return Array.from({ length: 8 }, () => key.unsignedInteger())
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text)

export const textOf = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { fatal: true }).decode(bytes)

export const fromHex = (hex: string): Bytes => new Uint8Array(Buffer.from(hex, 'hex'))

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const fromBase64 = (text: string): Bytes => new Uint8Array(Buffer.from(text, 'base64'))

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export function concat(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(parts))
}

/** The members of an envelope as they stand in its JSON. */
export interface EnvelopeJson {
  version: string
  algorithm: string
  encrypted_payload: { ciphertext: string; nonce: string; tag: string }
  encrypted_aes_key: string
  key_algorithm: string
  payload_algorithm: string
  processed_at?: number
}

export const readEnvelope = (body: Uint8Array): EnvelopeJson =>
  JSON.parse(textOf(body)) as EnvelopeJson

/** Reports skipped tests and the reason in every reporter. */
export function noteSkipped(what: string, why: string): void {
  console.info(`${what} skipped: ${why}`)
}

/** Ciphertext followed by the tag, as one piece. */
export async function encryptAesGcm(plaintext: Bytes, key: Bytes, nonce: Bytes): Promise<Bytes> {
  const parts: Uint8Array[] = []
  const tag = await platform.encryptAesGcm(plaintext, key, nonce, (part) => parts.push(part))
  return concat(...parts, tag)
}

/**
 * Replaces `ArrayBuffer.transfer`, which Node 20 lacks. Fills up with what the memory holds when it is freed; then
 * it is detached.
 */
export function replaceTransfer(): Uint8Array[] {
  const freed: Uint8Array[] = []
  const { transfer } = ArrayBuffer.prototype as { transfer?: unknown }
  const replace = (value: unknown): unknown =>
    Object.defineProperty(ArrayBuffer.prototype, 'transfer', { value, configurable: true })
  replace(function (this: ArrayBuffer) {
    freed.push(new Uint8Array(this).slice())
    structuredClone(this, { transfer: [this] })
  })
  onTestFinished(() => {
    if (transfer === undefined) Reflect.deleteProperty(ArrayBuffer.prototype, 'transfer')
    else replace(transfer)
  })
  return freed
}
