import { sealEnvelope, sealJson } from '@nomyo/crypto'
import {
  malformedBody,
  malformedVectors,
  type MalformedVector,
} from '@nomyo-internal/testing/vectors'
import { afterAll, describe, expect, it } from 'vitest'
import { chat, clientKeys, contentOf, post, refusalOf, startGateway } from './support.js'
import { metric } from './measure.js'

// The recorded envelopes are sealed for the key of the client.
const [gateway, strict] = await Promise.all([
  startGateway({
    serverKey: 'client',
    args: ['--engine', 'demo', '--accept-legacy-tag', '--metrics-port=0'],
  }),
  startGateway({ serverKey: 'client' }),
])
afterAll(() => Promise.all([gateway.stop(), strict.stop()]))

const vectors = malformedVectors()
const isRecorded = ({ name }: MalformedVector): boolean =>
  name === 'JS style: tag appended to ciphertext, no tag member'

interface Envelope {
  encrypted_payload: { ciphertext: string; tag?: string }
}

/** Encrypts a request as nomyo-js 0.1 does. */
async function sealAsBefore(request: unknown): Promise<string> {
  const sealed = await sealJson(request, clientKeys.publicKey)
  const envelope = JSON.parse(new TextDecoder().decode(sealed)) as Envelope
  const { ciphertext, tag = '', ...payload } = envelope.encrypted_payload
  const joined = Buffer.concat([Buffer.from(ciphertext, 'base64'), Buffer.from(tag, 'base64')])
  return JSON.stringify({
    ...envelope,
    encrypted_payload: { ...payload, ciphertext: joined.toString('base64') },
  })
}

describe('an envelope without a tag member', () => {
  it('is served with --accept-legacy-tag, and the answer has one', async () => {
    const answer = await post(gateway, await sealAsBefore(chat('from before')))
    expect(answer.status).toBe(200)
    const envelope = JSON.parse(new TextDecoder().decode(answer.bytes)) as Envelope
    expect(envelope.encrypted_payload.tag).toHaveLength(24)
    expect(await contentOf(answer)).toBe('from before')
  })

  it('is decrypted in its recorded form', async () => {
    const [recorded] = vectors.filter(isRecorded)
    const opened = 'nomyo_decryptions_total{result="decrypted"}'
    const before = await metric(gateway, opened)
    // What was sealed is no chat request.
    expect((await post(gateway, await malformedBody(recorded!, never))).status).toBe(400)
    expect(await metric(gateway, opened)).toBe(before + 1)
  })

  it('is refused without the option, with the text for every envelope that cannot be decrypted', async () => {
    const refused = await post(strict, await sealAsBefore(chat('x')))
    const garbage = await post(strict, '{}')
    expect([refused.status, garbage.status]).toEqual([400, 400])
    expect(refusalOf(refused)).toBe(refusalOf(garbage))
  })

  it('and its form with a tag are one envelope: the second is a replay', async () => {
    const legacy = await sealAsBefore(chat('once'))
    const envelope = JSON.parse(legacy) as Envelope
    const joined = Buffer.from(envelope.encrypted_payload.ciphertext, 'base64')
    const current = JSON.stringify({
      ...envelope,
      encrypted_payload: {
        ...envelope.encrypted_payload,
        ciphertext: joined.subarray(0, -16).toString('base64'),
        tag: joined.subarray(-16).toString('base64'),
      },
    })
    expect((await post(gateway, legacy)).status).toBe(200)
    expect((await post(gateway, current)).status).toBe(409)
  })
})

it('everything else that must be refused is refused with the option too', async () => {
  const must = vectors.filter((vector) => vector.strict === 'must')
  expect(must.length).toBeGreaterThan(100)
  for (const vector of must) {
    const body = await malformedBody(vector, (plaintext) =>
      sealEnvelope(new TextEncoder().encode(plaintext), clientKeys.publicKey),
    )
    expect({ name: vector.name, status: (await post(gateway, body)).status }).toEqual({
      name: vector.name,
      status: 400,
    })
  }
})

const never = (): never => {
  throw new Error('the recorded envelope is no recipe')
}
