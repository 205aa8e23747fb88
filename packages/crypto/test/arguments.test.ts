import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as crypto from '../src/index.js'
import {
  SecurityError,
  type KeyPair,
  type Padding,
  type PrivateKey,
  type PublicKey,
} from '../src/index.js'
import * as keysNode from '../src/keys/node/index.js'
import { expectRefusal, refusalOf, testPair, textOf, utf8 } from './support.js'

/** Values of every kind, each wrong for most arguments. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  Number.NaN,
  1n,
  '',
  'text',
  Symbol('s'),
  [],
  ['text'],
  {},
  { length: 1 },
  new Uint8Array(8),
  new Uint16Array(8),
  new DataView(new ArrayBuffer(8)),
  new ArrayBuffer(8),
  new URL('https://example.com'),
  new Date(0),
  Object.create(null),
  () => 'text',
]

type Call = (value: never) => unknown

/** Calls with one argument of any kind; the others are right. */
async function calls(): Promise<Record<string, Call>> {
  const pair = await testPair('client')
  const { publicKey, privateKey } = pair
  const body = await crypto.sealJson({}, publicKey)
  const { pem } = publicKey
  const privatePem = await crypto.exportPrivateKey(privateKey)
  return {
    'openEnvelope body': (value) => crypto.openEnvelope(value, privateKey),
    'openEnvelope keys': (value) => crypto.openEnvelope(body, value),
    'openEnvelope options': (value) => crypto.openEnvelope(body, privateKey, value),
    'openEnvelope maxBytes': (value) => crypto.openEnvelope(body, privateKey, { maxBytes: value }),
    'openJson body': (value) => crypto.openJson(value, privateKey),
    'openJson keys': (value) => crypto.openJson(body, value),
    'sealEnvelope plaintext': (value) => crypto.sealEnvelope(value, publicKey),
    'sealEnvelope recipient': (value) => crypto.sealEnvelope(body, value),
    'sealEnvelope options': (value) => crypto.sealEnvelope(body, publicKey, value),
    'sealEnvelope processedAt': (value) =>
      crypto.sealEnvelope(body, publicKey, { processedAt: value }),
    'sealJson value': (value) => crypto.sealJson(value, publicKey),
    'sealJson recipient': (value) => crypto.sealJson({}, value),
    'sealJson options': (value) => crypto.sealJson({}, publicKey, value),
    'sealJson padding': (value) => crypto.sealJson({}, publicKey, { padding: value }),
    'sealJsonBytes json': (value) => crypto.sealJsonBytes(value, publicKey),
    'sealJsonBytes recipient': (value) => crypto.sealJsonBytes(body, value),
    'sealJsonBytes options': (value) => crypto.sealJsonBytes(body, publicKey, value),
    'encodeJson padding': (value) => crypto.encodeJson({}, value),
    padmeLength: (value) => crypto.padmeLength(value),
    'exportPrivateKey key': (value) => crypto.exportPrivateKey(value),
    'exportPrivateKey options': (value) => crypto.exportPrivateKey(privateKey, value),
    'exportPrivateKey password': (value) =>
      crypto.exportPrivateKey(privateKey, { password: value }),
    'generateKeyPair parallel': (value) =>
      // Without the option a key would be generated.
      (value as unknown) === undefined || crypto.generateKeyPair({ parallel: value }),
    'importLegacyPrivateKey pem': (value) => crypto.importLegacyPrivateKey(value, 'password'),
    'importLegacyPrivateKey password': (value) => crypto.importLegacyPrivateKey(privatePem, value),
    'importLegacyPrivateKey options': (value) =>
      crypto.importLegacyPrivateKey(privatePem, 'x', value),
    'importPrivateKey pem': (value) => crypto.importPrivateKey(value),
    'importPrivateKey options': (value) => crypto.importPrivateKey(privatePem, value),
    'importPrivateKey password': (value) =>
      crypto.importPrivateKey(privatePem, { password: value }),
    'importPrivateKey publicKeyPem': (value) =>
      crypto.importPrivateKey(privatePem, { publicKeyPem: value }),
    'importPrivateKey minBits': (value) => crypto.importPrivateKey(privatePem, { minBits: value }),
    'importPublicKey pem': (value) => crypto.importPublicKey(value),
    'importPublicKey options': (value) => crypto.importPublicKey(pem, value),
    'importPublicKey minBits': (value) => crypto.importPublicKey(pem, { minBits: value }),
    parsePin: (value) => crypto.parsePin(value),
    'publicKeyFromHeader value': (value) => crypto.publicKeyFromHeader(value),
    'publicKeyFromHeader options': (value) =>
      crypto.publicKeyFromHeader(crypto.publicKeyToHeader(publicKey), value),
    publicKeyToHeader: (value) => crypto.publicKeyToHeader(value),
    'verifyPin key': (value) => {
      crypto.verifyPin(value, [publicKey.fingerprint])
    },
    'verifyPin pins': (value) => {
      crypto.verifyPin(publicKey, value)
    },
    'new KeyRing': (value) => new crypto.KeyRing(value),
    'KeyRing announce': (value) => {
      new crypto.KeyRing(pair).announce(value)
    },
    'KeyRing rotate': (value) => {
      new crypto.KeyRing(pair).rotate(value)
    },
    'loadKeyFile path': (value) => keysNode.loadKeyFile(value),
    'loadKeyFile publicKeyPath': (value) =>
      keysNode.loadKeyFile('/nonexistent', { publicKeyPath: value }),
    'loadKeyFile options': (value) => keysNode.loadKeyFile('/nonexistent', value),
    'loadKeyPair folder': (value) => keysNode.loadKeyPair(value),
    'loadKeyPair options': (value) => keysNode.loadKeyPair('/nonexistent', value),
    'loadOrCreateKeyPair folder': (value) =>
      typeof value === 'string' || keysNode.loadOrCreateKeyPair(value),
    'saveKeyPair pair': (value) => keysNode.saveKeyPair('/dev/null/x', value),
    'saveKeyPair options': (value) => keysNode.saveKeyPair('/dev/null/x', pair, value),
    'readTrustedFile path': (value) => keysNode.readTrustedFile(value, { maxBytes: 1 }),
    'readTrustedFile options': (value) => keysNode.readTrustedFile('/dev/null', value),
    'readTrustedFile maxBytes': (value) =>
      keysNode.readTrustedFile('/dev/null', { maxBytes: value }),
  }
}

/** A value that JSON.stringify refuses is its own error, as documented. */
const isOfStringify = (name: string, value: unknown): boolean =>
  name === 'sealJson value' && typeof value === 'bigint'

describe('an argument of the wrong kind', async () => {
  it.each(Object.entries(await calls()))(
    'is no other error than a SecurityError: %s',
    async (name, call) => {
      for (const value of VALUES) {
        try {
          await call(value as never)
        } catch (error) {
          if (isOfStringify(name, value)) continue
          expect(error, `${name}, value ${VALUES.indexOf(value)}`).toBeInstanceOf(SecurityError)
          expect((error as SecurityError).message).not.toBe('')
        }
      }
    },
  )
})

describe('the error names the argument', () => {
  it.each<[string, string, string, (pair: KeyPair) => unknown]>([
    [
      'a pair to seal for',
      'recipient',
      'ERR_KEY_TYPE',
      (pair) => crypto.sealJson({}, pair as unknown as PublicKey),
    ],
    [
      'a private key to seal for',
      'recipient',
      'ERR_KEY_TYPE',
      (pair) => crypto.sealJson({}, pair.privateKey as unknown as PublicKey),
    ],
    [
      'a PEM to seal for',
      'recipient',
      'ERR_KEY_TYPE',
      ({ publicKey }) => crypto.sealJson({}, publicKey.pem as unknown as PublicKey),
    ],
    [
      'a pair to open with',
      'keys',
      'ERR_KEY_TYPE',
      (pair) => crypto.openJson(utf8('{}'), pair as unknown as PrivateKey),
    ],
    [
      'a public key to open with',
      'keys',
      'ERR_KEY_TYPE',
      (pair) => crypto.openJson(utf8('{}'), pair.publicKey as unknown as PrivateKey),
    ],
    [
      'a text to open',
      'body',
      'ERR_ARGUMENT_INVALID',
      ({ privateKey }) => crypto.openJson('{}' as unknown as Uint8Array, privateKey),
    ],
    [
      'a text to seal as bytes',
      'plaintext',
      'ERR_ARGUMENT_INVALID',
      ({ publicKey }) => crypto.sealEnvelope('text' as unknown as Uint8Array, publicKey),
    ],
    [
      'a limit that is NaN',
      'maxBytes',
      'ERR_ARGUMENT_INVALID',
      ({ privateKey }) => crypto.openJson(utf8('{}'), privateKey, { maxBytes: Number.NaN }),
    ],
    [
      'a time that is NaN',
      'processedAt',
      'ERR_ARGUMENT_INVALID',
      ({ publicKey }) => crypto.sealJson({}, publicKey, { processedAt: Number.NaN }),
    ],
    [
      'an unknown padding',
      'padding',
      'ERR_ARGUMENT_INVALID',
      ({ publicKey }) => crypto.sealJson({}, publicKey, { padding: 'Padme' as Padding }),
    ],
    [
      'a pair to export',
      'privateKey',
      'ERR_KEY_TYPE',
      (pair) => crypto.exportPrivateKey(pair as unknown as PrivateKey),
    ],
    [
      'a password as options',
      'options',
      'ERR_ARGUMENT_INVALID',
      ({ privateKey }) => crypto.exportPrivateKey(privateKey, 'password' as never),
    ],
    [
      'a number as password',
      'password',
      'ERR_ARGUMENT_INVALID',
      ({ privateKey }) => crypto.exportPrivateKey(privateKey, { password: 1234 as never }),
    ],
    [
      'null as password',
      'password',
      'ERR_ARGUMENT_INVALID',
      ({ privateKey }) => crypto.exportPrivateKey(privateKey, { password: null as never }),
    ],
    [
      'one pin instead of a list',
      'pins',
      'ERR_ARGUMENT_INVALID',
      ({ publicKey }) => {
        crypto.verifyPin(publicKey, publicKey.fingerprint as never)
      },
    ],
    [
      'a key object instead of its PEM',
      'pem',
      'ERR_ARGUMENT_INVALID',
      ({ publicKey }) => crypto.importPublicKey(publicKey as never),
    ],
    [
      'a private key in a ring',
      'pair',
      'ERR_KEY_TYPE',
      ({ privateKey }) => new crypto.KeyRing(privateKey as never),
    ],
    [
      'a header that is missing',
      'value',
      'ERR_ARGUMENT_INVALID',
      () => crypto.publicKeyFromHeader(null as never),
    ],
  ])('%s', async (_, argument, code, call) => {
    const pair = await testPair('client')
    const refusal = await refusalOf(() => call(pair))
    expect(refusal.code).toBe(code)
    expect(refusal.message).toMatch(new RegExp(`\\b${argument}\\b`))
    expect(refusal.message).not.toContain('1234')
  })
})

it('a password in the place of options writes no key', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'nomyo-arguments-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true })
  })
  const save = async () =>
    keysNode.saveKeyPair(folder, await testPair('client'), 'password' as never)
  await expectRefusal(save, 'ERR_ARGUMENT_INVALID')
  expect(readdirSync(folder)).toEqual([])
})

it('only true permits the export, and the form of nomyo-js 0.1', async () => {
  const { publicKey, privateKey } = await testPair('client')
  const pem = await crypto.exportPrivateKey(privateKey)
  const pair = await crypto.importPrivateKey(pem, { extractable: 'false' as never })
  expect(pair.privateKey.extractable).toBe(false)
  const legacy = await crypto.sealJson({}, publicKey, { appendTag: true })
  const open = () => crypto.openJson(legacy, privateKey, { acceptAppendedTag: 'false' as never })
  await expectRefusal(open, 'ERR_ENVELOPE_INVALID')
})

it('bytes of another realm are bytes', async () => {
  const { publicKey, privateKey } = await testPair('client')
  const foreign = Object.setPrototypeOf(
    utf8('{"a":1}'),
    Object.getPrototypeOf(Uint8Array.prototype) as object,
  ) as Uint8Array
  expect(foreign instanceof Uint8Array).toBe(false)
  expect(Object.prototype.toString.call(foreign)).toBe('[object Uint8Array]')
  const body = await crypto.sealEnvelope(utf8('{"a":1}'), publicKey)
  expect(textOf((await crypto.openEnvelope(body, privateKey)).plaintext)).toBe('{"a":1}')
})
