import { faults } from '@nomyo/testkit'
import OpenAI, { APIError } from 'openai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createNomyoFetch } from '../../src/openai-fetch/index.js'
import { newGateway } from '../sealed-exchange/support.js'
import { connect as connectSealed } from '../fetch/support.js'
import { SDK_URL, completionOf, says } from './support.js'

const request = { model: 'nomyo/echo', messages: [{ role: 'user' as const, content: 'Hello!' }] }

/** Creates an SDK for a gateway of wire 2, for one test. */
async function connect(maxRetries = 0) {
  const gateway = await newGateway({ apiKey: 'the-key-of-the-sdk' })
  const nomyoFetch = createNomyoFetch({
    baseUrl: gateway.url,
    allowHttp: true,
    logger: { warn: () => undefined },
  })
  onTestFinished(() => {
    nomyoFetch.dispose()
  })
  const apiKey = 'the-key-of-the-sdk'
  const openai = new OpenAI({ apiKey, baseURL: SDK_URL, maxRetries, fetch: nomyoFetch })
  return { gateway, openai }
}

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail(),
    (error: unknown) => error,
  )

describe('the openai SDK over wire 2', () => {
  it('gets an answer, and its key travels inside the encryption', async () => {
    const { gateway, openai } = await connect()
    const completion = await openai.chat.completions.create(request)
    expect(completion.choices[0]?.message.content).toBe('Hello!')
    const [received] = gateway.requests
    expect(received).toMatchObject({
      wire: 2,
      sealedHeaders: { authorization: 'Bearer the-key-of-the-sdk' },
    })
    expect(received?.headers).not.toHaveProperty('authorization')
  })

  it('gets a stream', async () => {
    const { openai } = await connect()
    let text = ''
    for await (const chunk of await openai.chat.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(text).toBe('Hello!')
  })

  it('gets an answer that arrives whole as a stream, which is marked', async () => {
    const { client } = await connectSealed(({ whole }) => whole(200, completionOf(says('Hello!'))))
    const nomyoFetch = createNomyoFetch({ client })
    const openai = new OpenAI({ apiKey: 'k', baseURL: SDK_URL, maxRetries: 0, fetch: nomyoFetch })
    const { data, response } = await openai.chat.completions
      .create({ ...request, stream: true })
      .withResponse()
    let text = ''
    for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? ''
    expect(text).toBe('Hello!')
    expect(response.headers.get('x-nomyo-stream')).toBe('synthetic')
  })

  it.each([[null], [{ choices: [{}] }], [{}], ['text']])(
    'gets no stream of an answer that is no completion: %j',
    async (body) => {
      const { client } = await connectSealed(({ whole }) => whole(200, body))
      const openai = new OpenAI({
        apiKey: 'k',
        baseURL: SDK_URL,
        maxRetries: 0,
        fetch: createNomyoFetch({ client }),
      })
      const error = await errorOf(openai.chat.completions.create({ ...request, stream: true }))
      expect(error).toMatchObject({ status: 406, code: 'ERR_PLAINTEXT_INVALID' })
    },
  )

  it.each([
    [faults.sealedStatus(401), 401],
    [faults.sealedStatus(429), 429],
    [faults.sealedStatus(504), 504],
    [faults.status(503), 503],
    [faults.altered(), 406],
  ])(
    'gets a refusal or an answer that cannot be trusted as an error: %o',
    async (fault, status) => {
      const { gateway, openai } = await connect()
      gateway.always(fault)
      const error = await errorOf(openai.chat.completions.create(request))
      expect(error).toBeInstanceOf(APIError)
      expect(error).toMatchObject({ status })
    },
  )

  it('has an answer that was cut off as a connection error, and retries as it is set to', async () => {
    const { gateway, openai } = await connect(1)
    gateway.next(faults.withoutEnd())
    const completion = await openai.chat.completions.create(request)
    expect(completion.choices[0]?.message.content).toBe('Hello!')
    expect(gateway.requests).toHaveLength(2)
  })
})
