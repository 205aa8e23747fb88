import { platform } from '#crypto-platform'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openEnvelope, sealEnvelope } from '../src/envelope/index.js'
import { KeyRing } from '../src/keys/index.js'
import { readEnvelope, refusalOf, testPair, utf8, type EnvelopeJson } from './support.js'

afterEach(() => vi.restoreAllMocks())

const [newest, previous, stranger] = [
  await testPair('server'),
  await testPair('client'),
  await testPair('other'),
]

const zeros = (length: number): string => platform.encodeBase64(new Uint8Array(length))

async function wrapped(bytes: number): Promise<string> {
  const { spkiDer } = newest.publicKey
  const rsaOaep = { name: 'RSA-OAEP', hash: 'SHA-256' }
  const spki = new Uint8Array(spkiDer)
  const key = await crypto.subtle.importKey('spki', spki, rsaOaep, false, ['encrypt'])
  const secret = new Uint8Array(bytes)
  return platform.encodeBase64(new Uint8Array(await crypto.subtle.encrypt(rsaOaep, key, secret)))
}

async function envelopeFor(
  { publicKey }: typeof newest,
  change: (envelope: EnvelopeJson) => void = () => undefined,
): Promise<Uint8Array> {
  const envelope = readEnvelope(await sealEnvelope(utf8('{}'), publicKey))
  change(envelope)
  return utf8(JSON.stringify(envelope))
}

const withPart = (part: 'ciphertext' | 'nonce' | 'tag', value: string, pair = newest) =>
  envelopeFor(pair, (envelope) => (envelope.encrypted_payload[part] = value))

const withWrappedKey = (value: string) =>
  envelopeFor(newest, (envelope) => (envelope.encrypted_aes_key = value))

describe('every way an envelope can fail to open with a key ring', () => {
  it.each([
    ['sealed for a stranger', () => envelopeFor(stranger)],
    ['a wrong tag, under the newest key', () => withPart('tag', zeros(16))],
    ['a wrong tag, under the previous key', () => withPart('tag', zeros(16), previous)],
    ['a wrong nonce', () => withPart('nonce', zeros(12))],
    ['another ciphertext', () => withPart('ciphertext', zeros(3))],
    ['an AES-128 key', async () => withWrappedKey(await wrapped(16))],
    ['no OAEP at all', () => withWrappedKey(zeros(512))],
  ])('takes the same operations and gives the same error: %s', async (_what, make) => {
    const envelope = await make()
    const ring = new KeyRing(previous)
    ring.rotate(newest)
    const operations = countedOperations()
    const { code, message } = await refusalOf(() => openEnvelope(envelope, ring))
    expect({ code, message }).toEqual({
      code: 'ERR_DECRYPTION_FAILED',
      message: 'The envelope could not be decrypted.',
    })
    expect(operations()).toEqual({ rsa: 2, aes: 1 })
  })

  it('adds no work for an envelope of the newest key', async () => {
    const envelope = await envelopeFor(newest)
    const ring = new KeyRing(previous)
    ring.rotate(newest)
    const operations = countedOperations()
    await openEnvelope(envelope, ring)
    expect(operations()).toEqual({ rsa: 1, aes: 1 })
  })
})

/** From now on; says how many private RSA operations and AES decryptions there were. */
function countedOperations(): () => { rsa: number; aes: number } {
  const rsa = vi.spyOn(crypto.subtle, 'decrypt')
  const aes = vi.spyOn(platform, 'decryptAesGcm')
  return () => ({
    rsa: rsa.mock.calls.filter(([, key]) => key.algorithm.name === 'RSA-OAEP').length,
    aes: aes.mock.calls.length,
  })
}
