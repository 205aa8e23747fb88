import { sealEnvelope, sealJson } from '@nomyo/crypto'
import { completionOf, startChatModel } from '@nomyo-internal/testing'
import {
  malformedBody,
  malformedVectors,
  type MalformedVector,
} from '@nomyo-internal/testing/vectors'
import { afterAll, describe, expect, it } from 'vitest'
import { LegacyClient, LegacyError } from './legacy-client.js'
import {
  chat,
  clientKeys,
  contentOf,
  post,
  refusalOf,
  send,
  startGateway,
  testGateway,
  type Completion,
} from './support.js'
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

/** Encrypts requests to the key of the first one, in the form of 0.1. */
const client = new LegacyClient({ baseUrl: gateway.url })

const vectors = malformedVectors()
const isRecorded = ({ name }: MalformedVector): boolean =>
  name === 'JS style: tag appended to ciphertext, no tag member'

interface Envelope {
  encrypted_payload: { ciphertext: string; nonce: string; tag?: string }
}

const envelopeOf = (body: Uint8Array | string): Envelope =>
  JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body)) as Envelope

type ChatMembers = Record<string, unknown>
const chatRequest = chat as (content: unknown, members?: ChatMembers) => ChatMembers

const createAsBefore = async (
  baseUrl: string,
  request: ChatMembers,
  apiKey?: string,
): Promise<Completion> => {
  const client = new LegacyClient({ baseUrl, ...(apiKey === undefined ? {} : { apiKey }) })
  return (await client.create(request)) as unknown as Completion
}

/** Returns status and text of a refusal that a client of 0.1 gets. */
async function refusedAsBefore(...given: Parameters<typeof createAsBefore>): Promise<LegacyError> {
  try {
    await createAsBefore(...given)
  } catch (error) {
    if (error instanceof LegacyError) return error
    throw error
  }
  throw new Error('expected a refusal, but the request was answered')
}

describe('a client of nomyo-js 0.1 with --accept-legacy-tag', () => {
  it.each(['Hello!', 'Grüße, 漢字 🙂', ...['', 'a', 'ab', 'abc'], 'x'.repeat(1_000_000)])(
    'gets an answer that it can read',
    async (content) => {
      const { choices, _metadata } = await createAsBefore(gateway.url, chatRequest(content))
      expect(choices[0].message.content).toBe(content)
      expect(_metadata).toMatchObject({
        payload_id: expect.stringMatching(/^openai-compat-\d+-/),
        processed_at: expect.any(Number),
        is_encrypted: true,
        response_status: 'success',
        security_tier: 'standard',
      })
    },
  )

  it('may use acreate, a system message, parameters and a base URL with a slash', async () => {
    const client = new LegacyClient({ baseUrl: `${gateway.url}/` })
    const completion = await client.acreate({
      model: 'nomyo/echo',
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'What is the capital of France?' },
      ],
      temperature: 0.7,
      max_tokens: 100,
      stream: true,
    })
    expect(completion).toMatchObject({
      choices: [{ message: { content: 'What is the capital of France?' } }],
    })
  })

  it('gets tool calls', async () => {
    const model = await startChatModel((response) => {
      const call = { name: 'get_weather', arguments: '{"location":"Paris"}' }
      response.end(completionOf({ tool_calls: [{ id: 'c', type: 'function', function: call }] }))
    })
    try {
      const args = ['--upstream', model.url, '--accept-legacy-tag']
      const upstream = await testGateway({ args })
      const tools = [{ type: 'function', function: { name: 'get_weather', parameters: {} } }]
      const { choices } = await createAsBefore(
        upstream.url,
        chatRequest("What's the weather in Paris?", {
          ...{ model: 'm', tools, tool_choice: 'auto', security_tier: 'high' },
        }),
      )
      const [call] = choices[0].message.tool_calls ?? []
      expect(call?.function.arguments).toBe('{"location":"Paris"}')
      const sent = JSON.parse(model.seen.find(({ method }) => method === 'POST')?.body ?? '')
      expect(sent).toMatchObject({ model: 'm', tools, tool_choice: 'auto' })
      expect(sent).not.toHaveProperty('security_tier')
    } finally {
      model.stop()
    }
  })

  it('gets the tier that it names inside of the envelope', async () => {
    const policy = { tiers: { standard: { models: ['nomyo/echo'] }, high: {} } }
    const args = ['--engine', 'demo', '--accept-legacy-tag']
    const requests = { unknownMembers: 'refuse' } as const
    const { url } = await testGateway({ args, config: { policy, requests } })
    const request = chatRequest('x', { model: 'nomyo/demo' })
    const high = await createAsBefore(url, { ...request, security_tier: 'high' })
    expect(high._metadata['security_tier']).toBe('high')
    for (const tier of [undefined, null, 'standard', 'maximum']) {
      expect((await refusedAsBefore(url, { ...request, security_tier: tier })).status).toBe(403)
    }
    for (const tier of ['', 'HIGH', 1, ['high'], {}]) {
      expect((await refusedAsBefore(url, { ...request, security_tier: tier })).status).toBe(400)
    }
    // Current clients name it in a header, which nothing inside of the envelope replaces.
    const current = await send({ url }, { ...request, security_tier: 'high' })
    expect(current.status).toBe(403)
  })

  it('reads its refusals', async () => {
    const key = 'the-key-of-the-constructor'
    const keys = ['--api-key', key, '--api-key', 'another-long-key']
    const args = ['--engine', 'demo', '--accept-legacy-tag', ...keys]
    const locked = await testGateway({ args })
    const refusals = [
      await refusedAsBefore(locked.url, chatRequest('x')),
      await refusedAsBefore(
        locked.url,
        chatRequest('x', { api_key: 'unknown-key-of-a-request' }),
        key,
      ),
      await refusedAsBefore(gateway.url, { model: 'nomyo/echo', messages: [] }),
      await refusedAsBefore(gateway.url, chatRequest('x', { model: '' })),
      await refusedAsBefore(strict.url, chatRequest('x')),
    ]
    expect(refusals.map(({ status }) => status)).toEqual([401, 401, 400, 400, 400])
    for (const { detail } of refusals) expect(detail).not.toBe('Unknown error')
    for (const request of [chatRequest('x'), chatRequest('x', { api_key: 'another-long-key' })]) {
      expect((await createAsBefore(locked.url, request, key)).object).toBe('chat.completion')
    }
  })

  it('gets an answer without a tag member; a current client gets one with it', async () => {
    const legacy = await post(gateway, await client.seal(chatRequest('x')))
    expect(Object.keys(envelopeOf(legacy.bytes).encrypted_payload)).toEqual(['ciphertext', 'nonce'])
    const current = await post(gateway, await sealJson(chat('x'), clientKeys.publicKey))
    expect(envelopeOf(current.bytes).encrypted_payload.tag).toHaveLength(24)
    expect(await contentOf(current)).toBe('x')
  })
})

describe('an envelope without a tag member', () => {
  it('is decrypted in its recorded form', async () => {
    const [recorded] = vectors.filter(isRecorded)
    const opened = 'nomyo_decryptions_total{result="decrypted"}'
    const before = await metric(gateway, opened)
    // What was sealed is no chat request.
    expect((await post(gateway, await malformedBody(recorded!, never))).status).toBe(400)
    expect(await metric(gateway, opened)).toBe(before + 1)
  })

  it('is refused without the option, with the text for every envelope that cannot be decrypted', async () => {
    const refused = await post(strict, await client.seal(chatRequest('x')))
    const garbage = await post(strict, '{}')
    expect([refused.status, garbage.status]).toEqual([400, 400])
    expect(refusalOf(refused)).toBe(refusalOf(garbage))
  })

  it('and its form with a tag are one envelope: the second is a replay', async () => {
    const legacy = await client.seal(chatRequest('once'))
    const envelope = envelopeOf(legacy)
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
