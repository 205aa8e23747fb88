import { parseKeyList, parseKeyStatement, type KeyStatement } from '@nomyo/crypto/wire-2'
import { until } from '@nomyo-internal/testing'
import '@nomyo-internal/testing/vector-keys'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ROUTES } from '../../src/request-keys/statement.js'
import { fileGateway, get, refusalOf, serverKeys, testGateway } from '../support.js'

const gateway = await fileGateway()

const statementOf = async (from: { readonly url: string }): Promise<KeyStatement> =>
  parseKeyStatement((await get(from, '/pki/wire2')).bytes, { now: Date.now() / 1000 })
const KEY_LIST = '/.well-known/ohttp-gateway'

describe('GET /pki/wire2', () => {
  it('answers with a signed statement that names keys of both wires', async () => {
    const { status, headers, bytes } = await get(gateway, '/pki/wire2')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/json')
    const statement = await parseKeyStatement(bytes, { now: Date.now() / 1000 })
    expect(statement).toMatchObject({
      minWire: '1.0',
      rsaKeys: [serverKeys.publicKey.fingerprint],
      maxRequest: 16 * 1024 * 1024,
      maxChunk: 131_072,
      routes: ROUTES,
    })
    expect(statement.notAfter - statement.notBefore).toBe(2 * 3600)
    expect(statement.keys.map(({ kemId }) => kemId)).toEqual([0x647a])
    expect(statement.identities).toHaveLength(1)
  })

  it('gives all callers the same bytes, and 304 to those that have them', async () => {
    const [first, second] = await Promise.all([
      get(gateway, '/pki/wire2'),
      get(gateway, '/pki/wire2', { from: '127.0.0.2', headers: { authorization: 'Bearer x' } }),
    ])
    expect(second.bytes).toEqual(first.bytes)
    const etag = first.headers.get('etag') ?? ''
    expect(second.headers.get('etag')).toBe(etag)
    const { sha256 } = await parseKeyStatement(first.bytes, { now: Date.now() / 1000 })
    expect(etag).toBe(`"${sha256}"`)
    const again = await get(gateway, '/pki/wire2', { headers: { 'if-none-match': etag } })
    expect(again).toMatchObject({ status: 304, bytes: new Uint8Array() })
    const maxAge = Number(
      /^public, max-age=(\d+)$/.exec(first.headers.get('cache-control') ?? '')?.[1],
    )
    expect(maxAge).toBeGreaterThanOrEqual(1)
    expect(maxAge).toBeLessThanOrEqual(300)
  })
})

describe('the statement', () => {
  it('names every RSA key that decrypts, while they change', async () => {
    const rotating = await testGateway()
    const before = (await statementOf(rotating)).sha256
    await rotating.rotateKey()
    await until(async () => (await statementOf(rotating)).rsaKeys.length === 2)
    const { rsaKeys, sha256 } = await statementOf(rotating)
    expect(rsaKeys).toContain(serverKeys.publicKey.fingerprint)
    expect(sha256).not.toBe(before)
  })

  it('is renewed for the first caller after the machine was suspended', async () => {
    const suspended = await testGateway()
    const { notAfter } = await statementOf(suspended)
    // The clock alone: no timer has fired yet.
    vi.useFakeTimers({ toFake: ['Date'], now: (notAfter + 3600) * 1000 })
    onTestFinished(() => void vi.useRealTimers())
    expect((await statementOf(suspended)).notBefore).toBeGreaterThanOrEqual(notAfter)
  })

  it('is told to caches until the next keys are listed, and a little longer', async () => {
    const gateway = await testGateway()
    const { notBefore } = await statementOf(gateway)
    vi.useFakeTimers({ toFake: ['Date'], now: (notBefore + 3590) * 1000 })
    onTestFinished(() => void vi.useRealTimers())
    const ages = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const { headers } = await get(gateway, '/pki/wire2')
        return Number(/max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1])
      }),
    )
    for (const age of ages) {
      expect(age).toBeGreaterThanOrEqual(10)
      expect(age).toBeLessThan(40)
    }
    expect(new Set(ages).size).toBeGreaterThan(1)
  })
})

describe('GET /.well-known/ohttp-gateway', () => {
  it.each(['application/ohttp-keys', 'text/html, Application/OHTTP-Keys;q=0.5'])(
    'answers Accept: %s with the key list of the statement',
    async (accept) => {
      const { status, headers, bytes } = await get(gateway, KEY_LIST, { headers: { accept } })
      expect(status).toBe(200)
      expect(headers.get('content-type')).toBe('application/ohttp-keys')
      expect(headers.get('vary')).toMatch(/accept/i)
      const { bytes: document } = await get(gateway, '/pki/wire2')
      const statement = await parseKeyStatement(document, { now: Date.now() / 1000 })
      expect(parseKeyList(bytes)).toEqual(statement.keys)
      expect(new Uint8Array(statement.keyList)).toEqual(bytes)
    },
  )

  it.each(['text/html', '*/*', 'application/*', 'application/ohttp-keys;q=0', ''])(
    'answers Accept: %s with 406',
    async (accept) => {
      refusalOf(await get(gateway, KEY_LIST, { headers: { accept } }), 406)
    },
  )
})
