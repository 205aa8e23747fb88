import { inspect } from 'node:util'
import { makeKeyDir, temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { openJson, sealEnvelope } from '../src/envelope/index.js'
import {
  KeyRing,
  exportPrivateKey,
  importLegacyPrivateKey,
  importPrivateKey,
  importPublicKey,
  publicKeyFromHeader,
} from '../src/keys/index.js'
import { loadKeyPair } from '../src/keys/node/index.js'
import { decodePem, encodePem } from '../src/keys/pem.js'
import { freshPair, numbersOf, refusalOf, testPair, utf8 } from './support.js'
import { keyText } from '@nomyo-internal/testing/vectors/expectations'

const PASSWORD = 'canary-of-a-password'
const PLAINTEXT = 'canary-of-a-prompt'

const privatePem = keyText('keys/client.private.pem')

/** The ways a program may show a value, on purpose or in a log. */
const shown = (value: unknown): string[] => [
  inspect(value, { depth: 10, showHidden: true, maxArrayLength: null, maxStringLength: null }),
  inspect(value, { depth: 10, getters: true, maxArrayLength: null }),
  JSON.stringify(value),
  String(value),
  value instanceof Error ? (value.stack ?? '') : '',
]

/** A text, and what is left of it without the spelling of bytes: hex in pairs, lists, indexed members. */
const readings = (text: string): string[] => [
  text,
  text.replace(/\s+/g, ''),
  (text.match(/\d+/g) ?? []).join(','),
  Array.from(text.matchAll(/:\s*(\d+)/g), ([, value]) => value).join(','),
]

/** The start of each secret number of the key, as hex, as text and as a list of bytes. */
const keyCanaries = numbersOf(decodePem(privatePem).der)
  .slice(2)
  .flatMap((number) => {
    const piece = Buffer.from(number.subarray(1, 13))
    return [piece.toString('hex'), piece.toString('latin1'), [...piece].join(',')]
  })
/** Every line of the secret part, as a PEM or its base64 would show it. */
const pemCanaries = privatePem
  .split('\n')
  .slice(14, -2)
  .map((line) => line.slice(0, 24))
const canaries = [...keyCanaries, ...pemCanaries, PASSWORD, PLAINTEXT]

const secretsIn = (value: unknown): string[] => {
  const texts = shown(value).flatMap(readings)
  return canaries.filter((canary) => texts.some((text) => text.includes(canary)))
}

describe('the canaries', () => {
  it('are found where they are', async () => {
    const { privateKey } = await freshPair('client', { extractable: true })
    const pkcs8 = await privateKey.exportPkcs8()
    const leaks = [
      { pem: privatePem },
      { pkcs8 },
      { buffer: Buffer.from(pkcs8) },
      { hex: Buffer.from(pkcs8).toString('hex') },
      new Error(`wrong password ${PASSWORD}`),
      Object.assign(new Error('no JSON'), { text: PLAINTEXT }),
      new Error('no JSON', { cause: new Error(PLAINTEXT) }),
    ]
    for (const leak of leaks) expect(secretsIn(leak), inspect(leak)).not.toEqual([])
    expect(secretsIn({ public: privatePem.split('\n')[2] })).toEqual([])
  })
})

describe('a private key shows nothing of itself', () => {
  it.each([false, true])('extractable: %s', async (extractable) => {
    const pair = await freshPair('client', { extractable })
    if (extractable) await exportPrivateKey(pair.privateKey, { password: PASSWORD })
    expect(secretsIn(pair)).toEqual([])
    expect(secretsIn(pair.privateKey)).toEqual([])
    expect(secretsIn(Object.getOwnPropertyDescriptors(pair.privateKey))).toEqual([])
    expect(inspect(pair.privateKey, { depth: 10, showHidden: true })).not.toContain('CryptoKey')
  })

  it('in a key ring', async () => {
    const ring = new KeyRing(await freshPair('server'))
    ring.rotate(await freshPair('client', { extractable: true }))
    expect(secretsIn(ring)).toEqual([])
    expect(JSON.stringify(ring)).toBe('{}')
  })

  it('loaded with a password', async () => {
    const { privateKey } = await freshPair('client', { extractable: true })
    const pem = await exportPrivateKey(privateKey, { password: PASSWORD })
    expect(secretsIn(await importPrivateKey(pem, { password: PASSWORD }))).toEqual([])
  })
})

describe('an error shows neither key nor password nor plaintext', () => {
  const folder = makeKeyDir({ 'private_key.pem': 'client' }, temporaryFolder())

  const { der } = decodePem(privatePem)
  const damaged = Uint8Array.from(der)
  damaged[40]! ^= 1

  const failures: Readonly<Record<string, () => unknown>> = {
    'content that is no JSON': () => openPlaintext(PLAINTEXT),
    'content that is JSON up to its end': () => openPlaintext(`{"text":"${PLAINTEXT}"`),
    'content that is no object': () => openPlaintext(`["${PLAINTEXT}"]`),
    'content that is not UTF-8': () => openPlaintext(`{"text":"${PLAINTEXT}"}`, [0xff]),
    'content nested too deep': () => openPlaintext(`{"${PLAINTEXT}":${'['.repeat(300)}`),
    'a wrong password': () =>
      importPrivateKey(keyText('keys/encrypted.private.pem'), { password: PASSWORD }),
    'a needless password': () => importPrivateKey(privatePem, { password: PASSWORD }),
    'a wrong password of the legacy format': () =>
      importLegacyPrivateKey(keyText('keys/nomyo-js-password.private.pem'), PASSWORD),
    'a password for no key of the legacy format': () =>
      importLegacyPrivateKey(privatePem, PASSWORD),
    'a needless password for a file': () => loadKeyPair(folder, { password: PASSWORD }),
    'a damaged private key': () => importPrivateKey(encodePem('PRIVATE KEY', damaged)),
    'a private key cut short': () =>
      importPrivateKey(encodePem('PRIVATE KEY', der.subarray(0, der.length - 1))),
    'a private key under another label': () => importPrivateKey(encodePem('EC PRIVATE KEY', der)),
    'text before a private key': () => importPrivateKey(`text ${privatePem}`),
    'two private keys': () => importPrivateKey(privatePem + privatePem),
    'a private key as public key': () => importPublicKey(privatePem),
    'PKCS#8 under the label of a public key': () => importPublicKey(encodePem('PUBLIC KEY', der)),
    'a private key in the header': () => publicKeyFromHeader(encodeURIComponent(privatePem)),
    'a private key in the header, spoiled': () => publicKeyFromHeader(`${privatePem}%`),
    'a private key to a public key of another': () =>
      importPrivateKey(privatePem, { publicKeyPem: keyText('keys/other.public.pem') }),
    'a key that may not be exported': async () =>
      exportPrivateKey((await freshPair('client')).privateKey, { password: PASSWORD }),
  }

  it.each(Object.entries(failures))('about %s', async (_, action) => {
    const error = await refusalOf(action)
    expect(secretsIn(error)).toEqual([])
    expect(error.cause).toBeUndefined()
  })

  async function openPlaintext(text: string, behind: readonly number[] = []): Promise<unknown> {
    const { publicKey, privateKey } = await testPair('server')
    const plaintext = Uint8Array.from([...utf8(text), ...behind])
    return openJson(await sealEnvelope(plaintext, publicKey), privateKey)
  }
})
