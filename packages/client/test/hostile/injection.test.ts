import type { TestGateway } from '@nomyo/testkit'
import { describe, expect, it, vi } from 'vitest'
import { InvalidRequestError, SecureChatCompletion } from '../../src/index.js'
import { failureOf, hello, newClient, newGateway, contentOf } from './support.js'

const lineBreaks = ['\r\n', '\n', '\r', '\u{10d}\u{10a}', '\u0085', '\u2028', '\0']
const injections = lineBreaks.map((lineBreak) => `value${lineBreak}X-Injected: yes`)
const escaped = (value: unknown): string => JSON.stringify(value)

/** Checks that no connection to the gateway was made. */
function expectNothingSent(gateway: TestGateway): void {
  expect(gateway.connections.accepted).toBe(0)
  expect(gateway.keyFetches).toHaveLength(0)
}

/** Returns the error of creating a client, or else of its first call. */
async function refusalOf(make: () => SecureChatCompletion): Promise<unknown> {
  try {
    return await failureOf(make().create(hello))
  } catch (error) {
    return error
  }
}

describe('a header of one\u2019s own', () => {
  const places = ['apiKey', 'api_key of a request'] as const
  it.each(
    places.flatMap((place) => injections.map((value) => [place, escaped(value), value] as const)),
  )('is refused as %s: %s', async (place, _title, apiKey) => {
    const gateway = await newGateway()
    const error =
      place === 'apiKey'
        ? await refusalOf(() => newClient(gateway, { apiKey }))
        : await failureOf(newClient(gateway).create({ ...hello, api_key: apiKey }))
    expect(error).toBeInstanceOf(InvalidRequestError)
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    expect(String(error)).not.toContain('X-Injected')
    expectNothingSent(gateway)
  })

  it('is refused as NOMYO_API_KEY', async () => {
    const gateway = await newGateway()
    vi.stubEnv('NOMYO_API_KEY', 'value\r\nX-Injected: yes')
    try {
      const error = await refusalOf(() => newClient(gateway))
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    } finally {
      vi.unstubAllEnvs()
    }
    expectNothingSent(gateway)
  })

  it.each([
    ...injections.map((value): [string, string] => ['x-note', value]),
    ...lineBreaks.map((lineBreak): [string, string] => [`x-note: a${lineBreak}X-Injected`, 'yes']),
    ['', 'yes'],
    ['x note', 'yes'],
    ['x-note:', 'yes'],
    ['Authorization', 'Bearer other'],
    ['X-Payload-ID', 'mine'],
    ['X-Public-Key', 'mine'],
    ['X-Security-Tier', 'high'],
    ['Content-Length', '0'],
    ['Transfer-Encoding', 'chunked'],
    ['Connection', 'close'],
    ['Host', 'elsewhere.example'],
    ['Keep-Alive', 'timeout=1'],
    ['Upgrade', 'h2c'],
  ])('is refused as %j: %j', async (name, value) => {
    const gateway = await newGateway()
    const headers = { [name]: value }
    const ofClient = await refusalOf(() => newClient(gateway, { defaultHeaders: headers }))
    const ofCall = await failureOf(newClient(gateway).create(hello, { headers }))
    for (const error of [ofClient, ofCall]) {
      expect(error).toBeInstanceOf(InvalidRequestError)
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' })
    }
    expectNothingSent(gateway)
  })

  it.each([7, ['a'], { toString: () => 'a' }, true])(
    'is refused unless it is a text: %j',
    async (value) => {
      const gateway = await newGateway()
      const apiKey = value as unknown as string
      const errors = [
        await refusalOf(() => newClient(gateway, { apiKey })),
        await failureOf(newClient(gateway).create({ ...hello, api_key: apiKey })),
        await refusalOf(() => newClient(gateway, { defaultHeaders: { 'x-note': apiKey } })),
        await failureOf(newClient(gateway).create(hello, { headers: { 'x-note': apiKey } })),
      ]
      for (const error of errors) expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' })
      expectNothingSent(gateway)
    },
  )

  it('goes through when it is one', async () => {
    const gateway = await newGateway({ apiKey: 'the-key' })
    const client = newClient(gateway, { defaultHeaders: { 'X-Note': 'of the client' } })
    const headers = { 'X-Call': 'of the call' }
    await client.create({ ...hello, api_key: 'the-key' }, { headers })
    const expected = { 'x-note': 'of the client', 'x-call': 'of the call' }
    expect(gateway.requests[0]?.headers).toMatchObject(expected)
    expect(gateway.keyFetches[0]?.headers).toMatchObject({ 'x-note': 'of the client' })
    expect(gateway.keyFetches[0]?.headers.authorization).toBeUndefined()
  })
})

describe('a prototype', () => {
  const plain = {} as Record<string, unknown>
  const expectUnpolluted = (): void => {
    expect(plain['polluted']).toBeUndefined()
    expect(([] as unknown as Record<string, unknown>)['polluted']).toBeUndefined()
  }
  const pollution = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}'

  it('is not changed by a genuine answer', async () => {
    const answer = (): object =>
      JSON.parse(
        `{${pollution},"choices":[{"index":0,"message":{${pollution},"content":"a"}}],"_metadata":{${pollution}}}`,
      ) as object
    const gateway = await newGateway({ answer })
    const completion = await newClient(gateway).create(hello)
    expect(contentOf(completion)).toBe('a')
    expectUnpolluted()
    for (const value of [completion, completion._metadata, completion.choices[0].message]) {
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect(value['polluted']).toBeUndefined()
    }
  })

  it('is not changed by a request', async () => {
    const gateway = await newGateway()
    const request = JSON.parse(
      `{${pollution},"model":"m","messages":[{"role":"user","content":"a"}]}`,
    )
    await newClient(gateway).create(request)
    expectUnpolluted()
  })

  it('does not replace missing members', async () => {
    const inherited = Object.create(hello) as typeof hello
    const gateway = await newGateway()
    const error = await failureOf(newClient(gateway).create(inherited))
    expect(error).toMatchObject({ code: 'ERR_INVALID_REQUEST' })
    expectNothingSent(gateway)
  })
})

describe('the _metadata of an answer', () => {
  it('cannot set members of the client', async () => {
    const answer = (): object => ({
      choices: [{ message: { content: 'a' } }],
      _metadata: { is_encrypted: false, processed_at: 1, encryption_algorithm: 'none', mine: 1 },
    })
    const gateway = await newGateway({ answer })
    const { _metadata: metadata } = await newClient(gateway).create(hello)
    expect(metadata).toMatchObject({
      payload_id: gateway.requests[0]?.payloadId,
      is_encrypted: true,
      encryption_algorithm: 'hybrid-aes256-rsa4096',
      mine: 1,
    })
    expect(metadata.processed_at).toBeGreaterThan(1e9)
  })
})
