import { openJson } from '@nomyo/crypto'
import { describe, expect, it } from 'vitest'
import type { CompletionStep } from '../src/completion/step-timer.js'
import type { ChatCompletionRequest } from '../src/types/request.js'
import { connect, hello, newSession, sealedEcho, startTestServer, testKey } from './support.js'
import { expectCode } from '@nomyo-internal/testing'

describe('one attempt', () => {
  it('encrypts everything but the routing members, and decrypts the answer', async () => {
    const { server, ask } = await connect({ apiKey: 'constructor-key' })
    const completion = await ask({
      temperature: 0.7,
      stream: true,
      something_new: [1, { two: 2 }],
      api_key: 'request-key',
      security_tier: 'high',
      base_url: 'https://elsewhere.example',
    })
    expect(completion.choices[0].message.content).toBe('Hello!')
    const [seen] = server.completions
    const opened = await openJson(seen?.body ?? new Uint8Array(), server.serverKey.privateKey)
    expect(opened.value).toEqual({
      ...hello,
      temperature: 0.7,
      something_new: [1, { two: 2 }],
    })
    expect(seen?.headers).toMatchObject({
      authorization: 'Bearer request-key',
      'content-type': 'application/octet-stream',
      'x-security-tier': 'high',
      'x-payload-id': completion._metadata.payload_id,
      'x-public-key': encodeURIComponent((await testKey('client')).publicKey.pem),
    })
    expect(completion._metadata).toEqual({
      payload_id: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
      processed_at: 1767225600,
      is_encrypted: true,
      encryption_algorithm: 'hybrid-aes256-rsa4096',
    })
  })

  it('encrypts every documented parameter as given', async () => {
    const { server, ask } = await connect()
    const parameters = {
      temperature: 0.2,
      max_tokens: 64,
      top_p: 0.9,
      frequency_penalty: 0.1,
      presence_penalty: -0.1,
      stop: ['\n', 'END'],
      n: 2,
      stream: false,
      tools: [
        {
          type: 'function',
          function: { name: 'f', description: 'd', parameters: { type: 'object', properties: {} } },
        },
      ],
      tool_choice: { type: 'function', function: { name: 'f' } },
      response_format: { type: 'json_object' },
      user: 'ward-7',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==', detail: 'low' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: '42' },
      ],
    } satisfies Partial<ChatCompletionRequest>
    await ask(parameters)
    const body = server.completions[0]?.body ?? new Uint8Array()
    const { value } = await openJson(body, server.serverKey.privateKey)
    expect(value).toEqual({ model: hello.model, ...parameters })
  })

  it('fetches the server key without credentials, once for all requests', async () => {
    const { server, ask } = await connect({ apiKey: 'k' })
    await Promise.all(Array.from({ length: 20 }, () => ask()))
    expect(server.keyFetches).toHaveLength(1)
    expect(server.keyFetches[0]?.headers).not.toHaveProperty('authorization')
    expect(server.keyFetches[0]?.headers).not.toHaveProperty('x-public-key')
  })

  it('sends neither key nor tier where none is given', async () => {
    const { server, ask } = await connect({ apiKey: '' })
    await ask()
    expect(server.completions[0]?.headers).not.toHaveProperty('authorization')
    expect(server.completions[0]?.headers).not.toHaveProperty('x-security-tier')
  })

  it('keeps a path prefix and drops trailing slashes of the base URL', async () => {
    const server = await startTestServer()
    const ask = await newSession({ baseUrl: `${server.url}/a/b//` })
    expect((await ask()).choices[0].message.content).toBe('Hello!')
  })

  it('hides the length of the request by default', async () => {
    const server = await startTestServer()
    const padded = await newSession({ baseUrl: server.url })
    const bare = await newSession({ baseUrl: server.url, padding: 'none' })
    for (const ask of [padded, bare]) {
      await ask({ messages: [{ role: 'user', content: 'x'.repeat(1000) }] })
      await ask({ messages: [{ role: 'user', content: 'x'.repeat(1003) }] })
    }
    const [a, b, c, d] = server.completions.map(({ body }) => body.length)
    expect(a).toBe(b)
    expect(c).not.toBe(d)
  })

  it('throws the 400 where the key cannot be revalidated', async () => {
    const { server, ask } = await connect({ maxRetries: 2 })
    await ask()
    server.answer = (_seen, response) => void response.writeHead(400).end('{"detail":"no"}')
    server.answerKeyFetch = (response) => void response.writeHead(503).end()
    await expectCode(ask(), 'ERR_BAD_REQUEST')
    expect(server.completions).toHaveLength(2)
    server.answerKeyFetch = (response) => void response.end('<html>')
    await expectCode(ask(), 'ERR_KEY_INVALID')
  })

  it('reports every step', async () => {
    const server = await startTestServer()
    const steps: CompletionStep[] = []
    const ask = await newSession({ baseUrl: server.url, onStep: (step) => steps.push(step) })
    await ask()
    expect(steps[0]).toMatchObject({ name: 'wire', wire: 1, reason: 'not-offered' })
    expect(steps.map(({ name }) => name)).toEqual([
      'wire',
      'reply-key',
      'server-key',
      'seal',
      'send',
      'open',
    ])
    expect(steps.every(({ durationMs }) => durationMs >= 0)).toBe(true)
  })

  it('accepts an answer without a payload id, as reference servers send it', async () => {
    const { server, ask } = await connect()
    server.answer = async (seen, response) => {
      response.end(await sealedEcho(seen, server.serverKey, {}))
    }
    expect((await ask()).choices[0].message.content).toBe('Hello!')
  })
})
