import { publicKeyToHeader, sealEnvelope, sealJson } from '@nomyo/crypto'
import {
  malformedBody,
  malformedVectors,
  type MalformedVector,
} from '@nomyo-internal/testing/vectors'
import { describe, expect, it } from 'vitest'
import {
  chat,
  clientKeys,
  completionOf,
  contentOf,
  expectAlive,
  fileGateway,
  post,
  refusalOf,
  testGateway,
  type Answer,
} from './support.js'

// The recorded envelopes are sealed for this key.
const gateway = await fileGateway({ serverKey: 'client' })

const vectors = malformedVectors()
const must = vectors.filter(({ strict }) => strict === 'must')
const free = vectors.filter(({ strict }) => strict !== 'must')

async function send(vector: MalformedVector, to = gateway): Promise<Answer> {
  const body = await malformedBody(vector, (plaintext) =>
    sealEnvelope(new TextEncoder().encode(plaintext), clientKeys.publicKey),
  )
  return post(to, body)
}

describe('a malformed envelope', () => {
  it('is one of 128, of every class', () => {
    expect(vectors).toHaveLength(128)
    expect(new Set(must.map((vector) => vector.class))).toEqual(
      new Set(['FORMAT', 'UNSUPPORTED', 'LENGTH', 'CRYPTO', 'PLAINTEXT']),
    )
  })

  it.each(must)('is refused with 400: $class, $name', async (vector) => {
    expect(vector.gateway_status).toBe(400)
    refusalOf(await send(vector), 400)
  })

  it('is refused with one text, regardless of the fault', async () => {
    const answers = new Set<string>()
    // Elsewhere, recorded envelopes that decrypt were received before.
    const fresh = await testGateway({ serverKey: 'client' })
    for (const vector of must) {
      const { status, headers, bytes } = await send(vector, fresh)
      const facts = [status, headers.get('content-type'), new TextDecoder().decode(bytes)]
      answers.add(JSON.stringify(facts))
    }
    expect([...answers]).toHaveLength(1)
  })

  it.each(free)('does no harm where either verdict is allowed: $class, $name', async (vector) => {
    const { status } = await send(vector)
    // 409 where two are the same envelope, written in two ways.
    expect([200, 400, 409]).toContain(status)
    await expectAlive(gateway)
  })

  it('without a tag of its own is refused unless the old form is enabled', async () => {
    const old = vectors.find(({ name }) => name.startsWith('JS style: tag appended'))!
    expect((await send(old)).status).toBe(400)
  })
})

describe('after all of them, the same process', () => {
  it('still answers', async () => {
    await expectAlive(gateway)
    const request = await sealJson(chat('still here'), clientKeys.publicKey)
    expect(await contentOf(await post(gateway, request))).toBe('still here')
  })

  it('still opens envelopes whose every other part is of the same key', async () => {
    const request = await sealJson(chat('self'), clientKeys.publicKey)
    const answer = await post(gateway, request, {
      'x-public-key': publicKeyToHeader(clientKeys.publicKey),
    })
    expect(answer.status).toBe(200)
  })

  it('has seen no prototype changed', async () => {
    const pollution = vectors.filter((vector) => vector.class === 'POLLUTION')
    expect(pollution).toHaveLength(1)
    for (const vector of pollution) await send(vector)
    const hostile = JSON.parse(
      '{"model":"nomyo/echo","messages":[{"role":"user"}],"__proto__":{"polluted":"yes"}}',
    ) as unknown
    await post(gateway, await sealJson(hostile, clientKeys.publicKey))
    const request = await sealJson(chat('clean'), clientKeys.publicKey)
    const completion = await completionOf(await post(gateway, request))
    expect(JSON.stringify(completion)).not.toContain('polluted')
  })

  it('has reported no fault of its own', () => {
    expect(gateway.log()).not.toMatch(/"status":5\d\d|request failed/)
  })
})
