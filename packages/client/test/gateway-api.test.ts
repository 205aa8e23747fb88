import { createHttpTransport, parseBaseUrl, type Transport } from '@nomyo/transport'
import { describe, expect, it } from 'vitest'
import {
  fetchKeyEvidence,
  fetchModels,
  fetchPublicKey,
  fetchStatement,
  fetchStatementEvidence,
  type GatewayRequestOptions,
} from '../src/gateway-api/index.js'
import { testKey } from './support.js'
import { expectCode } from '@nomyo-internal/testing'

interface Received {
  readonly url: string
  readonly headers: Headers
}

/** A transport that records requests and answers each with the same response. */
function respond(
  body: unknown,
  init: ResponseInit = {},
): { transport: Transport; received: Received[] } {
  const received: Received[] = []
  const transport = createHttpTransport({
    baseUrl: parseBaseUrl('https://gateway.test/prefix'),
    fetch: (url, request) => {
      received.push({ url: new Request(url).url, headers: new Headers(request?.headers) })
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return Promise.resolve(new Response(text === '' ? null : text, init))
    },
  })
  return { transport, received }
}

describe('fetchPublicKey', () => {
  it('returns the key with its validator', async () => {
    const { publicKey } = await testKey('server')
    const { transport, received } = respond(publicKey.pem, { headers: { etag: '"1"' } })
    const { key, etag } = await fetchPublicKey(transport, { headers: { 'x-a': 'b' } })
    expect([key.fingerprint, etag]).toEqual([publicKey.fingerprint, '"1"'])
    expect(received[0]?.url).toBe('https://gateway.test/prefix/pki/public_key')
    expect(received[0]?.headers.get('x-a')).toBe('b')
    expect(received[0]?.headers.has('if-none-match')).toBe(false)
  })

  it('returns the key held when it has not changed', async () => {
    const held = { key: (await testKey('server')).publicKey, etag: '"1"' }
    const { transport, received } = respond('', { status: 304 })
    expect(await fetchPublicKey(transport, { held })).toBe(held)
    expect(received[0]?.headers.get('if-none-match')).toBe('"1"')
  })

  it.each([
    ['no key', 'x', {}, 'ERR_KEY_INVALID'],
    ['a 304 without a key held', '', { status: 304 }, 'ERR_UNEXPECTED_STATUS'],
    ['an error', '{"detail":"no"}', { status: 503 }, 'ERR_UNAVAILABLE'],
    ['more than 64 KiB', ' '.repeat(65_537), {}, 'ERR_RESPONSE_TOO_LARGE'],
  ])('refuses %s', async (_, body, init, code) => {
    await expect(fetchPublicKey(respond(body, init).transport)).rejects.toMatchObject({ code })
  })

  it('requires the given size', async () => {
    const { pem } = (await testKey('server')).publicKey
    const fetching = fetchPublicKey(respond(pem).transport, { minBits: 8192 })
    await expectCode(fetching, 'ERR_KEY_WEAK')
  })
})

describe('fetchKeyEvidence', () => {
  it('sends a fresh nonce and returns what the gateway sent', async () => {
    const { transport, received } = respond({ tpm_attestation: { a: 1 }, public_key: 'pem' })
    const answers = [await fetchKeyEvidence(transport), await fetchKeyEvidence(transport)]
    const sent = received.map(({ url }) => new URL(url).searchParams.get('nonce'))
    expect(sent).toEqual(answers.map(({ nonce }) => Buffer.from(nonce).toString('base64url')))
    expect(new Set(sent).size).toBe(2)
    expect(answers[0]).toMatchObject({ evidence: { a: 1 }, publicKey: 'pem' })
    expect(answers[0]?.nonce).toHaveLength(32)
  })

  it.each(['<html>', '[]', 'null', '{}', '{"public_key":1}'])(
    'finds nothing in %s',
    async (body) => {
      const { evidence, publicKey } = await fetchKeyEvidence(respond(body).transport)
      expect([evidence, publicKey]).toEqual([undefined, undefined])
    },
  )

  it('rejects with the status of a gateway that offers none', async () => {
    const { transport } = respond('{}', { status: 404 })
    await expect(fetchKeyEvidence(transport)).rejects.toMatchObject({ statusCode: 404 })
  })
})

describe('fetchStatement', () => {
  const BODY = '{"statement":"AAAA","signatures":[]}'

  it('returns the document as received, with its validator and its age', async () => {
    const headers = { etag: '"1"', 'cache-control': 'public, max-age=120' }
    const { transport, received } = respond(BODY, { headers })
    const { document, etag, maxAge } = await fetchStatement(transport, { headers: { 'x-a': 'b' } })
    expect([new TextDecoder().decode(document), etag, maxAge]).toEqual([BODY, '"1"', 120])
    expect(received[0]?.url).toBe('https://gateway.test/prefix/pki/wire2')
    expect(received[0]?.headers.get('x-a')).toBe('b')
    expect(received[0]?.headers.has('if-none-match')).toBe(false)
  })

  it('returns the statement held when it has not changed', async () => {
    const held = { document: new Uint8Array(1), etag: '"1"', maxAge: 1 }
    const { transport, received } = respond('', { status: 304 })
    expect(await fetchStatement(transport, { held })).toBe(held)
    expect(received[0]?.headers.get('if-none-match')).toBe('"1"')
  })

  it.each(['no-store', 'max-age=x', 'x-max-age=1', 'max-age=-1', ''])(
    'finds no age in %j',
    async (value) => {
      const { transport } = respond(BODY, { headers: { 'cache-control': value } })
      expect((await fetchStatement(transport)).maxAge).toBeUndefined()
    },
  )

  it.each([
    ['a gateway without wire 2', '{}', { status: 404 }, 'ERR_NOT_FOUND'],
    ['a 304 without a statement held', '', { status: 304 }, 'ERR_UNEXPECTED_STATUS'],
    ['more than 16 KiB', ' '.repeat(16_385), {}, 'ERR_RESPONSE_TOO_LARGE'],
  ])('refuses %s', async (_, body, init, code) => {
    await expect(fetchStatement(respond(body, init).transport)).rejects.toMatchObject({ code })
  })
})

describe('fetchStatementEvidence', () => {
  it('sends a fresh nonce and returns the statement with its evidence', async () => {
    const signed = { statement: 'AAAA', signatures: [{ identity: 'AA==' }] }
    const { transport, received } = respond({ note: 1, ...signed, tpm_attestation: { a: 1 } })
    const { document, evidence, nonce } = await fetchStatementEvidence(transport)
    const { searchParams } = new URL(received[0]?.url ?? '')
    expect([...searchParams]).toEqual([
      ['nonce', Buffer.from(nonce).toString('base64url')],
      ['wire', '2'],
    ])
    expect(new TextDecoder().decode(document)).toBe(JSON.stringify(signed))
    expect(evidence).toEqual({ a: 1 })
    expect((await fetchStatementEvidence(transport)).nonce).not.toEqual(nonce)
  })

  it.each(['<html>', '[]', 'null', '{}', '{"public_key":"a","tpm_attestation":{}}'])(
    'finds no statement in %s',
    async (body) => {
      const { document } = await fetchStatementEvidence(respond(body).transport)
      expect(document).toBeUndefined()
    },
  )

  it('rejects with the status of a gateway that offers none', async () => {
    const { transport } = respond('{}', { status: 404 })
    await expect(fetchStatementEvidence(transport)).rejects.toMatchObject({ statusCode: 404 })
  })
})

describe('fetchModels', () => {
  it('returns displayable names and the body', async () => {
    const ids = ['a', '', 'b\n', '\u001b[2J', 'x\u202ey', 7, 'c/d']
    const body = { object: 'list', data: [...ids.map((id) => ({ id })), null, 'text', {}] }
    const { transport, received } = respond(body)
    const models = await fetchModels(transport, { apiKey: 'key' })
    expect(models?.names).toEqual(['a', 'c/d'])
    expect(new TextDecoder().decode(models?.body)).toBe(JSON.stringify(body))
    expect(received[0]?.url).toBe('https://gateway.test/prefix/v1/models')
    expect(received[0]?.headers.get('authorization')).toBe('Bearer key')
  })

  it('sends no key where none is given', async () => {
    const { transport, received } = respond({ data: [] })
    expect((await fetchModels(transport))?.names).toEqual([])
    expect(received[0]?.headers.has('authorization')).toBe(false)
  })

  it.each(['<html>', '[]', '{}', '{"data":{}}'])('finds no list in %s', async (body) => {
    expect(await fetchModels(respond(body).transport)).toBeUndefined()
  })

  it('rejects with the status of a refusal', async () => {
    const { transport } = respond('{"detail":"no"}', { status: 401 })
    await expectCode(fetchModels(transport), 'ERR_AUTHENTICATION')
  })
})

const requests: [
  string,
  (transport: Transport, options?: GatewayRequestOptions) => Promise<unknown>,
][] = [
  ['fetchPublicKey', fetchPublicKey],
  ['fetchKeyEvidence', fetchKeyEvidence],
  ['fetchStatement', fetchStatement],
  ['fetchStatementEvidence', fetchStatementEvidence],
  ['fetchModels', fetchModels],
]
const FETCHES = requests.map(([, request]) => request)

describe.each(requests)('%s', (_, request) => {
  it('ends at its deadline and with its signal', async () => {
    const hanging = createHttpTransport({
      baseUrl: parseBaseUrl('https://gateway.test'),
      fetch: () => new Promise(() => undefined),
    })
    await expectCode(request(hanging, { timeout: 1 }), 'ERR_TIMEOUT')
    const signal = AbortSignal.abort()
    await expectCode(request(hanging, { signal }), 'ERR_ABORTED')
  })
})

it.each<[name: string, options: unknown]>([
  ['options', null],
  ['options', new AbortController().signal],
  ['timeuot', { timeuot: 1 }],
  ['timeout', { timeout: NaN }],
  ['timeout', { timeout: 2 ** 31 }],
  ['signal', { signal: new AbortController() }],
  ['headers', { headers: new Headers({ x: '1' }) }],
  ['apiKey', { apiKey: 'two\nlines' }],
  ['minBits', { minBits: NaN }],
  ['held', { held: 'key' }],
  ['nonce', { nonce: 'text' }],
  ['nonce', { nonce: new Uint8Array(31) }],
])('%s of a wrong kind is an error that names it, and nothing is sent: %j', async (name, given) => {
  const { transport, received } = respond('')
  for (const fetchAny of FETCHES) {
    const fetching = fetchAny(transport, given as never)
    await expectCode(fetching, 'ERR_INVALID_OPTION')
    await expect(fetching).rejects.toThrow(new RegExp(`\\b${name}\\b`))
  }
  expect(received).toEqual([])
})

it('an address in place of a transport is an error that names it', async () => {
  for (const fetchAny of FETCHES) {
    for (const transport of ['https://gateway.test', undefined, {}]) {
      const fetching = fetchAny(transport as never)
      await expectCode(fetching, 'ERR_INVALID_OPTION')
      await expect(fetching).rejects.toThrow(/^transport\b/)
    }
  }
})
