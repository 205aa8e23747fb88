import { randomBytes } from 'node:crypto'
import { importPrivateKey, sealEnvelope, type PublicKey } from '@nomyo/crypto'
import { createVouch, parseKeyStatement } from '@nomyo/crypto/wire-2'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import '@nomyo-internal/testing/vector-keys'
import { fileGateway, get, refusalOf, serverKeys, testGateway, type Answer } from '../support.js'

const gateway = await fileGateway()
const otherKeys = await importPrivateKey(keyPem('keys/other.private.pem'))
const { bytes: statement } = await parseKeyStatement((await get(gateway, '/pki/wire2')).bytes, {
  now: Date.now() / 1000,
})

async function postVouch(
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  url = gateway.url,
): Promise<Answer> {
  const response = await fetch(`${url}/pki/wire2/vouch`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', ...headers },
    body: body as BodyInit,
  })
  return {
    status: response.status,
    headers: response.headers,
    bytes: new Uint8Array(await response.arrayBuffer()),
  }
}

const sealedFor = (text: Uint8Array | string, key: PublicKey = serverKeys.publicKey) =>
  sealEnvelope(typeof text === 'string' ? new TextEncoder().encode(text) : text, key)

describe('POST /pki/wire2/vouch', () => {
  it('answers that the RSA key stands behind the statement', async () => {
    const { request, verify } = await createVouch(statement)
    const answer = await postVouch(await sealedFor(request))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await verify(answer.bytes)).toBe(true)
  })

  it('gives an answer that proves nothing to another question', async () => {
    const first = await createVouch(statement)
    const answer = await postVouch(await sealedFor(first.request))
    expect(await (await createVouch(statement)).verify(answer.bytes)).toBe(false)
  })

  it('answers a question about another statement with 409', async () => {
    const { request } = await createVouch(new Uint8Array([...statement, 0x20]))
    refusalOf(await postVouch(await sealedFor(request)), 409)
  })

  it('gives every failure to open a question one answer', async () => {
    const { request } = await createVouch(statement)
    const altered = await sealedFor(request)
    const details = new Set<string>()
    for (const body of [
      await sealedFor(request, otherKeys.publicKey),
      altered.map((byte, at) => (at === altered.length - 20 ? byte ^ 1 : byte)),
      await sealedFor('{"model":"m"}'),
      await sealedFor('no JSON'),
      await sealedFor(
        new TextDecoder().decode(request).replace('nomyo-wire2-vouch', 'nomyo-wire2-other'),
      ),
      randomBytes(2000),
      new Uint8Array(),
    ]) {
      details.add(refusalOf(await postVouch(body), 400))
    }
    expect(details.size).toBe(1)
  })

  it('refuses large bodies, other media types and methods', async () => {
    refusalOf(await postVouch(new Uint8Array(8193)), 413)
    refusalOf(await postVouch(new Uint8Array(8), { 'content-type': 'application/json' }), 415)
    refusalOf(await get(gateway, '/pki/wire2/vouch'), 405)
  })

  it('has few questions wait at a time', async () => {
    const busy = await testGateway()
    const { bytes } = await parseKeyStatement((await get(busy, '/pki/wire2')).bytes, {
      now: Date.now() / 1000,
    })
    const { request } = await createVouch(bytes)
    const body = await sealedFor(request)
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => postVouch(body, {}, busy.url)),
    )
    const statuses = new Set(answers.map(({ status }) => status))
    expect([...statuses].sort()).toEqual([200, 503])
    const refused = answers.find(({ status }) => status === 503)
    expect(refused?.headers.get('retry-after')).toBe('2')
  })

  it('is limited by address, and no other route with it', async () => {
    const limited = await testGateway()
    const statuses = await Promise.all(
      Array.from({ length: 70 }, () => postVouch(new Uint8Array(8), {}, limited.url)),
    )
    expect(statuses.filter(({ status }) => status === 429)).toHaveLength(10)
    expect((await get(limited, '/pki/wire2')).status).toBe(200)
  })
})
