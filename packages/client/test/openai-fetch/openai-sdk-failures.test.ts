import { inspect } from 'node:util'
import OpenAI, { type APIError } from 'openai'
import { describe, expect, it } from 'vitest'
import { clientKeyDir, hello, sealedEcho, refuse, testKey, type TestServer } from '../support.js'
import { failureOf } from '../hostile/support.js'
import { createNomyoFetch } from '../../src/openai-fetch/index.js'
import { GATEWAY_URL, busyOnce, useNomyoFetch } from './support.js'

const CANARY = 'canary-77c0'
const request = {
  model: 'm',
  messages: [{ role: 'user', content: CANARY }],
} satisfies OpenAI.ChatCompletionCreateParams

const { network, nomyoFetch, openai, serverWith } = useNomyoFetch()

/** Waits until the server end has seen a request. */
async function seenBy(server: TestServer): Promise<void> {
  while (server.completions.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('refusals of the gateway', () => {
  it.each([
    [400, OpenAI.BadRequestError, 'ERR_BAD_REQUEST', 'invalid_request_error'],
    [401, OpenAI.AuthenticationError, 'ERR_AUTHENTICATION', 'authentication_error'],
    [403, OpenAI.PermissionDeniedError, 'ERR_FORBIDDEN', 'permission_error'],
    [404, OpenAI.NotFoundError, 'ERR_NOT_FOUND', 'not_found_error'],
    [429, OpenAI.RateLimitError, 'ERR_RATE_LIMIT', 'rate_limit_error'],
    [500, OpenAI.InternalServerError, 'ERR_SERVER', 'server_error'],
    [503, OpenAI.InternalServerError, 'ERR_UNAVAILABLE', 'server_error'],
  ])('comes as the class the SDK has for %i', async (status, errorClass, code, type) => {
    const server = await serverWith(refuse(status, { 'retry-after': '7' }))
    const error = await failureOf(openai().chat.completions.create(request))
    expect(error).toBeInstanceOf(errorClass)
    const [seen] = server.completions
    expect(error).toMatchObject({ status, code, type, requestID: seen?.headers['x-payload-id'] })
    expect((error as APIError).headers?.get('retry-after')).toBe('7')
    expect(server.completions).toHaveLength(1)
  })

  it('is retried by the SDK alone, encrypted anew each time', async () => {
    const server = await serverWith(refuse(503, { 'retry-after': '0' }))
    const error = await failureOf(openai({ maxRetries: 2 }).chat.completions.create(request))
    expect(error).toBeInstanceOf(OpenAI.InternalServerError)
    expect(server.completions).toHaveLength(3)
    expect(new Set(server.completions.map(({ headers }) => headers['x-payload-id'])).size).toBe(3)
  })

  it('may pass', async () => {
    const server = await serverWith()
    server.answer = busyOnce(server, 429)
    const completion = await openai({ maxRetries: 2 }).chat.completions.create(request)
    expect(completion.choices[0]?.message.content).toBe(CANARY)
  })

  it('is not retried when the server requests a long wait', async () => {
    const server = await serverWith(refuse(429, { 'retry-after': '999999999' }))
    const error = await failureOf(openai({ maxRetries: 2 }).chat.completions.create(request))
    expect(error).toBeInstanceOf(OpenAI.RateLimitError)
    expect(server.completions).toHaveLength(1)
  })

  it('is no answer, whatever its status', async () => {
    await serverWith((_seen, response) => {
      response.writeHead(201).end('{"choices":[{"message":{"content":"forged"}}]}')
    })
    const error = await failureOf(openai({ maxRetries: 2 }).chat.completions.create(request))
    expect(error).toMatchObject({ status: 502, code: 'ERR_UNEXPECTED_STATUS' })
  })
})

describe('what cannot be trusted', () => {
  const changed: TestServer['answer'] = async (seen, response) => {
    const sealed = new TextDecoder().decode(await sealedEcho(seen, await testKey('server')))
    const [before, first] = /"ciphertext":\s*"(.)/.exec(sealed) ?? []
    const after = `${before?.slice(0, -1)}${first === 'A' ? 'B' : 'A'}`
    response.end(sealed.replace(String(before), after))
  }
  const unsealed: TestServer['answer'] = (_seen, response) =>
    void response.end(`{"choices":[{"message":{"content":"${CANARY}"}}]}`)
  const mismatched: TestServer['answer'] = async (seen, response) =>
    void response.end(await sealedEcho(seen, await testKey('server'), { payload_id: 'another' }))
  const forgeries: [string, string, TestServer['answer']][] = [
    ['was changed on its way', 'ERR_DECRYPTION_FAILED', changed],
    ['is not sealed', 'ERR_ENVELOPE_INVALID', unsealed],
    ['answers another request', 'ERR_REPLY_MISMATCH', mismatched],
  ]

  it.each(forgeries)('is not retried when it %s, streamed or not', async (_how, code, answer) => {
    for (const stream of [false, true]) {
      const server = await serverWith(answer)
      const call = openai({ maxRetries: 2 }).chat.completions.create({ ...request, stream })
      const error = await failureOf(call)
      expect(error).toBeInstanceOf(OpenAI.APIError)
      expect(error).toMatchObject({ status: 406, code, type: 'nomyo_security_error' })
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(CANARY)
      expect(server.completions).toHaveLength(1)
    }
  })
})

describe('no answer', () => {
  it('is a fault of the connection, retried as configured in the SDK', async () => {
    const server = await serverWith((_seen, response) => {
      response.destroy()
    })
    const error = await failureOf(openai({ maxRetries: 1 }).chat.completions.create(request))
    expect(error).toBeInstanceOf(OpenAI.APIConnectionError)
    expect(error).not.toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
    expect(error).toHaveProperty('cause.code', 'ERR_NETWORK')
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(CANARY)
    expect(server.completions).toHaveLength(2)
  })

  it('in time is a timeout, be it the limit of the SDK or of the client', async () => {
    await serverWith(() => undefined)
    const impatient = createNomyoFetch({
      baseUrl: GATEWAY_URL,
      fetch: network.fetch,
      keyDir: clientKeyDir,
      timeout: 100,
    })
    for (const options of [{ timeout: 100 }, { fetch: impatient }]) {
      const error = await failureOf(openai(options).chat.completions.create(request))
      expect(error).toBeInstanceOf(OpenAI.APIConnectionTimeoutError)
    }
    impatient.dispose()
  })

  it('is waited for after an abort, before and during a request', async () => {
    const server = await serverWith(() => undefined)
    const before = openai().chat.completions.create(request, { signal: AbortSignal.abort() })
    expect(await failureOf(before)).toBeInstanceOf(OpenAI.APIUserAbortError)
    expect(server.completions).toHaveLength(0)
    for (const stream of [false, true]) {
      const controller = new AbortController()
      const call = openai({ maxRetries: 2 }).chat.completions.create(
        { ...request, stream },
        { signal: controller.signal },
      )
      const failure = failureOf(call)
      await seenBy(server)
      controller.abort()
      expect(await failure).toBeInstanceOf(OpenAI.APIUserAbortError)
      expect(server.completions).toHaveLength(1)
      server.completions.length = 0
    }
  })

  it('rejects with the reason of the signal, as fetch does', async () => {
    const server = await serverWith(() => undefined)
    const controller = new AbortController()
    const init = { method: 'POST', body: JSON.stringify(hello), signal: controller.signal }
    const call = failureOf(nomyoFetch(`${GATEWAY_URL}/chat/completions`, init))
    await seenBy(server)
    controller.abort()
    expect(await call).toBe(controller.signal.reason)
    const again = failureOf(nomyoFetch(`${GATEWAY_URL}/models`, init))
    expect(await again).toBe(controller.signal.reason)
  })

  it('follows the abort of a stream that is being read', async () => {
    await serverWith()
    const controller = new AbortController()
    const stream = openai().chat.completions.stream(
      { ...request, messages: [{ role: 'user', content: 'a'.repeat(500) }] },
      { signal: controller.signal },
    )
    let chunks = 0
    stream.on('chunk', () => {
      if (++chunks === 2) controller.abort()
    })
    expect(await failureOf(stream.finalChatCompletion())).toBeInstanceOf(OpenAI.APIUserAbortError)
    expect(chunks).toBe(2)
  })
})

describe('the rest of the API', () => {
  it('is refused, and nothing is sent', async () => {
    const server = await serverWith()
    const client = openai({ maxRetries: 2 })
    const calls: (() => Promise<unknown>)[] = [
      () => client.models.delete('m'),
      () => client.embeddings.create({ model: 'm', input: CANARY }),
      () => client.responses.create({ model: 'm', input: CANARY }),
      () => client.completions.create({ model: 'm', prompt: CANARY }),
      () => client.files.create({ file: new File([CANARY], 'a.txt'), purpose: 'assistants' }),
      () => client.chat.completions.retrieve('id'),
      () => client.chat.completions.list(),
    ]
    for (const call of calls) {
      const error = await failureOf(call())
      expect(error, String(call)).toBeInstanceOf(OpenAI.NotFoundError)
      expect(error).toMatchObject({ code: 'ERR_ROUTE' })
    }
    expect(network.urls).toEqual([])
    expect(server.keyFetches).toEqual([])
    expect(server.completions).toEqual([])
  })
})
