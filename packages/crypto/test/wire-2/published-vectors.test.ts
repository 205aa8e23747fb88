import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SecurityError } from '../../src/errors.js'
import { keySchedule } from '../../src/wire-2/hpke/key-schedule.js'
import {
  answerVouch,
  createBhttpReader,
  createRequestKey,
  createWholeResponse,
  encodeRequest,
  openRequest,
  parseKeyList,
  parseKeyStatement,
  type BhttpEvent,
  type Field,
} from '../../src/wire-2/index.js'
import { x25519Kem } from '../../src/wire-2/kem/x25519.js'
import { answerSecret } from '../../src/wire-2/message/answer-keys.js'
import { sealerOf } from '../../src/wire-2/message/seal-request.js'
import { chunkSealer } from '../../src/wire-2/chunks/sealer.js'
import { paddedLength } from '../../src/wire-2/padding.js'
import { readVarint, varintLength, writeVarint } from '../../src/wire-2/varint.js'
import { concat, fromBase64, fromHex, textOf, toHex, utf8 } from '../support.js'
import { hybridKems, exported, openAll } from './support.js'

/** The vectors for implementers in other languages, as the documentation publishes them. */
const vectors = JSON.parse(
  readFileSync(new URL('../../../../docs/wire-2/vectors.json', import.meta.url), 'utf8'),
) as {
  varints: [number, string][]
  padding: [number, number][]
  messages: (
    | {
        kind: 'request'
        authority: string
        path: string
        fields: Field[]
        content: string
        encoded: string
      }
    | {
        kind: 'response'
        interim: number[]
        status: number
        fields: Field[]
        content: string
        encoded: string
      }
  )[]
  key_list: { encoded: string; keys: { id: number; kem: number; public_key: string }[] }
  exchanges: Exchange[]
  refused_requests: { name: string; exchange: number; request: string }[]
  statements: {
    name: string
    document: string
    now: number
    refused?: true
    identities?: string[]
    sha256?: string
  }[]
  vouches: { secret: string; statement: string; statement_sha256: string; mac: string }[]
}

type Exchange = Readonly<
  Record<
    | 'name'
    | 'recipient_seed'
    | 'public_key'
    | 'enc'
    | 'shared_secret'
    | 'header'
    | 'info'
    | 'key'
    | 'base_nonce'
    | 'request'
    | 'response_nonce'
    | 'response_key'
    | 'response_base_nonce'
    | 'response',
    string
  > & { kem: number; key_id: number; request_chunks: string[]; response_chunks: string[] }
>

const kems = [x25519Kem, ...(await hybridKems())]

it('integers and padded lengths', () => {
  for (const [value, encoded] of vectors.varints) {
    const bytes = new Uint8Array(varintLength(value))
    writeVarint(value, bytes, 0)
    expect(toHex(bytes)).toBe(encoded)
    expect(readVarint(bytes, 0)).toEqual({ value, end: bytes.length })
  }
  for (const [length, padded] of vectors.padding) expect(paddedLength(length)).toBe(padded)
})

it('messages', () => {
  for (const message of vectors.messages) {
    const { kind, fields } = message
    const content = utf8(message.content)
    const reader = createBhttpReader(kind)
    const events: BhttpEvent[] = [...reader.push(fromHex(message.encoded)), ...reader.end()]
    const read = events.flatMap((event) => (event.type === 'content' ? [event.bytes] : []))
    expect(textOf(concat(...read))).toBe(message.content)
    if (message.kind === 'request') {
      const { authority, path } = message
      const head = { method: 'POST', scheme: 'https', authority, path, fields }
      expect(toHex(encodeRequest({ ...head, content }))).toBe(message.encoded)
      expect(events[0]).toEqual({ type: 'request', ...head })
    } else {
      const writer = createWholeResponse()
      const parts = message.interim.map((status) => writer.interim({ status, fields: [] }))
      parts.push(writer.final({ status: message.status, fields, content }))
      expect(toHex(concat(...parts))).toBe(message.encoded)
    }
  }
})

it('the key list', () => {
  const { encoded, keys } = vectors.key_list
  const read = parseKeyList(fromHex(encoded)).map(({ keyId, kemId, publicKey }) => ({
    id: keyId,
    kem: kemId,
    public_key: toHex(publicKey),
  }))
  expect(read).toEqual(keys)
})

const withKem = vectors.exchanges.flatMap((exchange) =>
  kems
    .filter(({ id }) => id === exchange.kem)
    .map((kem) => [exchange.name, kem.implementation, exchange, kem] as const),
)

describe.each(withKem)('exchange: %s, %s', (_, __, exchange, kem) => {
  const of = (name: 'enc' | 'shared_secret' | 'header' | 'info' | 'response_nonce') =>
    fromHex(exchange[name])
  const suite = { kemId: exchange.kem, kdfId: 1, aeadId: 2 }
  const requestKey = () =>
    createRequestKey(kem, { id: exchange.key_id, seed: fromHex(exchange.recipient_seed) })

  it('a gateway reads the request, and seals the answer', async () => {
    const key = await requestKey()
    expect(toHex(key.publicKey)).toBe(exchange.public_key)
    expect(toHex(await key.decapsulate(of('enc')))).toBe(exchange.shared_secret)
    const plaintext = await openAll(openRequest([key]), fromHex(exchange.request))
    expect(toHex(plaintext)).toBe(exchange.request_chunks.join(''))

    const secrets = await keySchedule(suite, of('shared_secret'), of('info'))
    expect([toHex(secrets.key), toHex(secrets.baseNonce)]).toEqual([
      exchange.key,
      exchange.base_nonce,
    ])
    const nonce = of('response_nonce')
    const keys = await answerSecret(suite, await exported(suite, secrets), of('enc')).keys(nonce)
    expect([toHex(keys.key), toHex(keys.baseNonce)]).toEqual([
      exchange.response_key,
      exchange.response_base_nonce,
    ])
    const { head, seal } = chunkSealer(nonce, keys, { maxChunk: 16_384 })
    const parts = [head]
    for (const [at, chunk] of exchange.response_chunks.entries()) {
      const isFinal = at === exchange.response_chunks.length - 1
      parts.push(await seal(fromHex(chunk), { final: isFinal }))
    }
    expect(toHex(concat(...parts))).toBe(exchange.response)
  })

  it('a client seals the request, and reads the answer', async () => {
    const encapsulation = { enc: of('enc'), sharedSecret: of('shared_secret') }
    const sealer = await sealerOf(of('header'), suite, encapsulation, 16_384)
    const parts = [sealer.head]
    for (const [at, chunk] of exchange.request_chunks.entries()) {
      const isFinal = at === exchange.request_chunks.length - 1
      parts.push(await sealer.seal(fromHex(chunk), { final: isFinal }))
    }
    expect(toHex(concat(...parts))).toBe(exchange.request)
    const answer = await openAll(sealer.openAnswer(), fromHex(exchange.response))
    expect(toHex(answer)).toBe(exchange.response_chunks.join(''))
  })
})

it.each(vectors.refused_requests)(
  'a gateway refuses $name',
  async ({ exchange: index, request }) => {
    const exchange = vectors.exchanges[index]!
    for (const kem of kems.filter(({ id }) => id === exchange.kem)) {
      const seed = fromHex(exchange.recipient_seed)
      const key = await createRequestKey(kem, { id: exchange.key_id, seed })
      const refusal = await openAll(openRequest([key]), fromHex(request)).catch(
        (error: unknown) => error,
      )
      expect(refusal).toBeInstanceOf(SecurityError)
    }
  },
)

it.each(vectors.statements)('key statement: $name', async (statement) => {
  const { document, now, refused, identities, sha256 } = statement
  const outcome = await parseKeyStatement(utf8(document), { now }).catch((error: unknown) => error)
  if (refused === true) expect(outcome).toBeInstanceOf(SecurityError)
  else expect(outcome).toMatchObject({ identities, sha256 })
})

it('endorsement by the RSA key', async () => {
  for (const { secret, statement, statement_sha256, mac } of vectors.vouches) {
    const question = {
      type: 'nomyo-wire2-vouch',
      secret: Buffer.from(fromHex(secret)).toString('base64'),
      statement_sha256,
    }
    const answer = await answerVouch(utf8(JSON.stringify(question)), fromBase64(statement))
    expect(JSON.parse(textOf(answer!))).toEqual({ mac })
  }
})
