import { parseKeyList, parseKeyStatement } from '@nomyo/crypto/wire-2'
import { describe, expect, it } from 'vitest'
import { fileGateway, get, refusalOf, serverKeys } from '../support.js'

const gateway = await fileGateway()
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
      maxChunk: 65_536,
      routes: ['POST /v1/chat/completions'],
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
