import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chdir, cwd } from 'node:process'
import { testArguments } from '@nomyo-internal/testing'
import { afterAll } from 'vitest'
import { SecurityError } from '../src/errors.js'
import * as root from '../src/index.js'
import * as keysNode from '../src/keys/node/index.js'
import * as wire2 from '../src/wire-2/index.js'
import { testPair, utf8 } from './support.js'
import { testKey } from './wire-2/support.js'

const folder = mkdtempSync(join(tmpdir(), 'nomyo-arguments-'))
// A text is a right path, and is written to.
const before = cwd()
chdir(folder)
afterAll(() => {
  chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

const pair = await testPair('client')
const { publicKey, privateKey } = pair
const { pem, fingerprint } = publicKey
const privatePem = await root.exportPrivateKey(privateKey)
await keysNode.saveKeyPair(folder, pair)
const path = join(folder, 'private_key.pem')
const body = await root.sealJson({}, publicKey)
const exportable = ['options.extractable']
const onWarning = (): void => undefined
const use = { minBits: 2048, extractable: true, parallel: 1, onWarning }

const { kem, key, config } = await testKey()
const sealed = await wire2.sealRequest(kem, config, body)
const requestHead = sealed.body.subarray(0, 7 + kem.encBytes)
const { key: identity, pkcs8Der } = await wire2.generateIdentityKey()
const identityPem = await keysNode.encodeIdentityKey(pkcs8Der)
const identityPath = join(folder, 'identity_key.pem')
await keysNode.saveIdentityKey(identityPath, pkcs8Der)
const content = {
  notBefore: 0,
  notAfter: 7200,
  keyList: wire2.encodeKeyList([key]),
  minWire: '1.0',
  rsaKeys: [fingerprint],
  identities: [identity.fingerprint],
  maxRequest: 1_000_000,
  maxChunk: 65_536,
  routes: ['POST /v1/chat/completions'],
} as const
const statement = wire2.encodeStatement(content)
const document = await wire2.signStatement(statement, [identity])
const vouch = await wire2.createVouch(statement)
const head = {
  method: 'POST',
  scheme: 'https',
  authority: 'a.example',
  path: '/',
  fields: [['accept', 'x']],
}
const emptyParts: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}
const response = { status: 200, fields: [['accept', 'x']], content: utf8('x') }

testArguments(
  [root, keysNode, wire2],
  {
    SecurityError: 'an error of this package, which checks nothing',
    decodeJson: [{ call: root.decodeJson, args: { bytes: new TextEncoder().encode('{}') } }],
    // Errors of JSON.stringify are its own, as documented.
    encodeJson: [
      {
        call: (value: unknown, padding) =>
          typeof value === 'bigint' || root.encodeJson(value, padding),
        args: { value: {}, padding: 'padme' },
        any: ['value'],
      },
    ],
    padmeLength: [{ call: root.padmeLength, args: { length: 1 } }],
    openEnvelope: [
      {
        call: root.openEnvelope,
        args: {
          body,
          keys: privateKey,
          options: { maxBytes: body.length, acceptAppendedTag: true },
        },
        any: ['options.acceptAppendedTag'],
      },
    ],
    openJson: [
      {
        call: root.openJson,
        args: { body, keys: privateKey, options: { acceptAppendedTag: true } },
        any: ['options.acceptAppendedTag'],
      },
    ],
    sealEnvelope: [
      {
        call: root.sealEnvelope,
        args: {
          plaintext: body,
          recipient: publicKey,
          options: { processedAt: 1, appendTag: true },
        },
        any: ['options.appendTag'],
      },
    ],
    sealJson: [
      {
        call: root.sealJson,
        args: { value: {}, recipient: publicKey, options: { padding: 'none', processedAt: 1 } },
        any: ['value'],
      },
    ],
    sealJsonBytes: [
      {
        call: root.sealJsonBytes,
        args: { json: utf8('{}'), recipient: publicKey, options: { padding: 'none' } },
        // Any iterable, empty ones included.
        any: ['json'],
      },
    ],
    exportPrivateKey: [
      { call: root.exportPrivateKey, args: { privateKey, options: { password: 'password' } } },
    ],
    // Four seconds a key: only wrong options that are refused, and no right ones.
    generateKeyPair: [
      { call: (parallel) => root.generateKeyPair({ parallel }), args: { parallel: 2000 } },
      {
        call: (options) => root.generateKeyPair({ ...(options as object), parallel: 0 }),
        args: { options: {} },
      },
    ],
    importLegacyPrivateKey: [
      {
        call: root.importLegacyPrivateKey,
        args: { pem: privatePem, password: 'x', options: use },
      },
    ],
    importPrivateKey: [
      {
        call: root.importPrivateKey,
        args: { pem: privatePem, options: { ...use, publicKeyPem: pem } },
        any: exportable,
      },
      { call: root.importPrivateKey, args: { pem: privatePem, options: { password: 'password' } } },
    ],
    importPublicKey: [{ call: root.importPublicKey, args: { pem, options: { minBits: 2048 } } }],
    parsePin: [{ call: root.parsePin, args: { text: fingerprint } }],
    publicKeyFromHeader: [
      {
        call: root.publicKeyFromHeader,
        args: { value: root.publicKeyToHeader(publicKey), options: { minBits: 2048 } },
      },
    ],
    publicKeyToHeader: [{ call: root.publicKeyToHeader, args: { key: publicKey } }],
    verifyPin: [{ call: root.verifyPin, args: { key: publicKey, pins: [fingerprint] } }],
    KeyRing: [{ call: (current) => new root.KeyRing(current), args: { current: pair } }],
    'KeyRing.announce': [
      {
        call: (next) => {
          new root.KeyRing(pair).announce(next)
        },
        args: { next: pair },
      },
    ],
    'KeyRing.rotate': [
      {
        call: (next) => {
          const ring = new root.KeyRing(pair)
          ring.announce(pair)
          ring.rotate(next)
        },
        args: { next: pair },
      },
    ],
    decodeIdentityKey: [
      {
        call: keysNode.decodeIdentityKey,
        args: { pem: identityPem, options: { onWarning } },
      },
      { call: keysNode.decodeIdentityKey, args: { pem: identityPem, options: { password: 'x' } } },
    ],
    encodeIdentityKey: [
      { call: keysNode.encodeIdentityKey, args: { pkcs8Der, options: { password: 'password' } } },
    ],
    loadIdentityKey: [
      { call: keysNode.loadIdentityKey, args: { path: identityPath, options: { onWarning } } },
    ],
    saveIdentityKey: [
      {
        call: keysNode.saveIdentityKey,
        args: { path: identityPath, pkcs8Der, options: { password: 'password' } },
      },
    ],
    loadKeyFile: [
      {
        call: keysNode.loadKeyFile,
        args: {
          privateKeyPath: path,
          options: { publicKeyPath: join(folder, 'public_key.pem'), parallel: 1, onWarning },
        },
      },
    ],
    loadKeyPair: [
      { call: keysNode.loadKeyPair, args: { folder, options: { minBits: 2048, onWarning } } },
    ],
    loadOrCreateKeyPair: [
      {
        call: keysNode.loadOrCreateKeyPair,
        args: { folder, options: { minBits: 2048, onWarning, onGenerate: onWarning } },
      },
    ],
    readTrustedFile: [
      {
        call: keysNode.readTrustedFile,
        args: { path, options: { maxBytes: 100_000, onForeignAccess: onWarning } },
      },
    ],
    // It writes nothing where a key exists.
    saveKeyPair: [
      { call: keysNode.saveKeyPair, args: { folder, pair, options: { password: 'password' } } },
    ],

    answerVouch: [{ call: wire2.answerVouch, args: { request: vouch.request, statement } }],
    createBhttpReader: [
      { call: wire2.createBhttpReader, args: { kind: 'request', limits: { maxHeadBytes: 1000 } } },
      {
        call: (part) => wire2.createBhttpReader('request').push(part),
        args: { part: new Uint8Array(1) },
      },
    ],
    createRequestKey: [
      { call: wire2.createRequestKey, args: { kem, input: { id: 1, seed: new Uint8Array(32) } } },
    ],
    createStreamedRequest: [
      {
        call: (value, length) => wire2.createStreamedRequest(value, length),
        args: { head, contentLength: 100 },
      },
      {
        call: (part) => wire2.createStreamedRequest({ ...head, fields: [] }).content(part),
        args: { part: body },
      },
    ],
    createStreamedResponse: [
      {
        call: (value) => wire2.createStreamedResponse().head(value),
        args: { head: response },
        any: ['head.content'],
      },
      {
        call: (value) => wire2.createStreamedResponse().interim(value),
        args: { head: { status: 102, fields: [['a', 'b']] } },
      },
      { call: (part) => wire2.createStreamedResponse().content(part), args: { part: body } },
    ],
    createVouch: [
      { call: wire2.createVouch, args: { statement } },
      { call: vouch.verify, args: { answer: new Uint8Array(64) } },
    ],
    createWholeResponse: [
      { call: (final) => wire2.createWholeResponse().final(final), args: { response } },
      { call: (final) => wire2.createWholeResponse().finalParts(final), args: { response } },
      {
        call: (value) => wire2.createWholeResponse().interim(value),
        args: { head: { status: 102, fields: [['a', 'b']] } },
      },
    ],
    deriveRequestSecrets: [{ call: wire2.deriveRequestSecrets, args: { key, head: requestHead } }],
    encodeKeyList: [{ call: wire2.encodeKeyList, args: { keys: [key] } }],
    encodeRequest: [
      { call: wire2.encodeRequest, args: { request: { ...head, content: utf8('x') } } },
    ],
    encodeRequestParts: [
      { call: wire2.encodeRequestParts, args: { request: { ...head, content: utf8('x') } } },
    ],
    encodeResponse: [{ call: wire2.encodeResponse, args: { response } }],
    encodeStatement: [{ call: wire2.encodeStatement, args: { content } }],
    generateIdentityKey: 'no parameters',
    importIdentityKey: [
      { call: wire2.importIdentityKey, args: { pkcs8Der } },
      { call: identity.sign, args: { statement } },
    ],
    loadClassicKem: [
      { call: kem.importKey, args: { seed: new Uint8Array(32) } },
      { call: kem.encapsulate, args: { publicKey: key.publicKey } },
      { call: key.decapsulate, args: { enc: (await kem.encapsulate(key.publicKey)).enc } },
    ],
    loadHybridKem: 'its KEM has the interface of the classic one',
    openRequest: [
      {
        call: wire2.openRequest,
        args: { keys: [key], limits: { maxBytes: 1000, maxChunk: 16_384 } },
      },
      { call: (part) => wire2.openRequest([key]).push(part), args: { part: new Uint8Array(1) } },
    ],
    parseKeyList: [{ call: wire2.parseKeyList, args: { list: content.keyList } }],
    parseKeyStatement: [
      { call: wire2.parseKeyStatement, args: { document, input: { now: 10, maxBytes: 16_000 } } },
    ],
    sealRequest: [
      {
        call: wire2.sealRequest,
        args: { kem, config, message: body, limits: { maxChunk: 16_384 } },
      },
    ],
    sealRequestParts: [
      {
        call: wire2.sealRequestParts,
        args: {
          kem,
          config,
          message: { parts: emptyParts, length: 1 },
          limits: { maxChunk: 16_384 },
        },
      },
    ],
    signStatement: [{ call: wire2.signStatement, args: { statement, identities: [identity] } }],
    startRequest: [
      { call: wire2.startRequest, args: { kem, config, limits: { maxChunk: 16_384 } } },
      {
        call: async (plaintext, options) =>
          (await wire2.startRequest(kem, config)).seal(plaintext, options),
        args: { plaintext: body, options: { final: true } },
        any: ['options.final'],
      },
    ],
  },
  (error) => error instanceof SecurityError && error.code.startsWith('ERR_'),
  [pair, publicKey, privateKey, config, key, kem, emptyParts],
)
