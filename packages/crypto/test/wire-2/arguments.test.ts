import { expect, it } from 'vitest'
import {
  answerVouch,
  createBhttpReader,
  createRequestKey,
  createStreamedResponse,
  createVouch,
  encodeResponse,
  importIdentityKey,
  openRequest,
  parseKeyList,
  parseKeyStatement,
  sealRequest,
  signStatement,
  startRequest,
} from '../../src/wire-2/index.js'
import { expectRefusal, utf8 } from '../support.js'
import { hybridKems, testKey } from './support.js'

const { kem, key, config } = await testKey()
const [hybrid] = await hybridKems()

/** Values that are no bytes, some of which would become zeros where bytes are expected. */
const VALUES: readonly unknown[] = [
  undefined,
  null,
  0,
  'text',
  [],
  [1, 2],
  {},
  { length: 1 },
  new Uint16Array(8),
  new ArrayBuffer(8),
]

type Call = (value: Uint8Array) => unknown

const calls: Record<string, Call> = {
  'sealRequest: message': (value) => sealRequest(kem, config, value),
  'seal: plaintext': async (value) => (await startRequest(kem, config)).seal(value),
  'push of an opener: part': (value) => openRequest([key]).push(value),
  'push of a reader: part': (value) => createBhttpReader('request').push(value),
  'streamed content: part': (value) => createStreamedResponse().content(value),
  parseKeyList,
  'parseKeyStatement: document': (value) => parseKeyStatement(value, { now: 0 }),
  'signStatement: statement': (value) => signStatement(value, []),
  importIdentityKey,
  createVouch,
  'answerVouch: request': (value) => answerVouch(value, utf8('{}')),
  'answerVouch: statement': (value) => answerVouch(utf8('{}'), value),
  'encapsulate: publicKey': (value) => hybrid?.encapsulate(value),
  'importKey: seed': (value) => hybrid?.importKey(value),
  'encapsulate of X25519: publicKey': kem.encapsulate,
  'importKey of X25519: seed': kem.importKey,
  'decapsulate: enc': key.decapsulate,
}

it.each(Object.entries(calls))('%s must be bytes', async (_, call) => {
  for (const value of VALUES) {
    await expectRefusal(() => call(value as Uint8Array), 'ERR_ARGUMENT_INVALID')
  }
})

it('plaintext in parts must be bytes throughout', async () => {
  for (const value of VALUES as Uint8Array[]) {
    const parts = [utf8('a'), value]
    await expectRefusal(() => sealRequest(kem, config, parts), 'ERR_ARGUMENT_INVALID')
    const { seal } = await startRequest(kem, config)
    await expectRefusal(() => seal(parts), 'ERR_ARGUMENT_INVALID')
  }
})

it('optional bytes must be bytes as well', async () => {
  expect(encodeResponse({ status: 200, fields: [] })).toHaveLength(512)
  for (const value of VALUES.slice(1) as Uint8Array[]) {
    const response = { status: 200, fields: [], content: value }
    await expectRefusal(() => encodeResponse(response), 'ERR_ARGUMENT_INVALID')
    await expectRefusal(() => createRequestKey(kem, { id: 1, seed: value }), 'ERR_ARGUMENT_INVALID')
  }
})
