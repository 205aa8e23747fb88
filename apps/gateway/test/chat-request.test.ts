import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readChatRequest, requestLimits, type ChatRequest } from '../src/completion/chat-request.js'
import { ConfidentialRefusal } from '../src/confidential-refusal.js'
import { HttpError } from '../src/http-error.js'
import { EventLoopTurns } from '../src/json/event-loop-turns.js'

const read = (text: string | Uint8Array): Promise<ChatRequest> =>
  readChatRequest(Buffer.from(text), { limits: requestLimits(1000), turns: new EventLoopTurns() })
const readValue = (value: unknown): Promise<ChatRequest> => read(JSON.stringify(value))
const user = { role: 'user', content: 'Hi' }

/** The rules, for a value that JSON.parse made. */
function isChatRequest(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { model, messages } = value as { model?: unknown; messages?: unknown }
  const isMessage = (message: unknown): boolean =>
    typeof message === 'object' &&
    message !== null &&
    !Array.isArray(message) &&
    typeof (message as { role?: unknown }).role === 'string'
  return (
    typeof model === 'string' &&
    model !== '' &&
    Array.isArray(messages) &&
    messages.length > 0 &&
    messages.every(isMessage)
  )
}

describe('a chat request', () => {
  it('is accepted exactly where the parsed value is one', async () => {
    const loose = fc.oneof(
      fc.constantFrom<unknown>(
        'user',
        '',
        1,
        null,
        [],
        {},
        ['role'],
        { role: 'user' },
        [{ role: 1 }],
        true,
      ),
      fc.array(
        fc.constantFrom<unknown>(
          user,
          { role: 'x', content: [] },
          {},
          { role: 1 },
          [],
          'role',
          null,
        ),
      ),
      fc.array(fc.constant(user), { minLength: 1 }),
    )
    const name = fc.constantFrom('model', 'messages', 'role', 'content', 'x', '__proto__')
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, loose), fc.boolean(), async (members, hasModel) => {
        const value = { ...members, ...(hasModel ? { model: 'm' } : {}) }
        const accepted = await readValue(value).then(
          () => true,
          () => false,
        )
        expect(accepted).toBe(isChatRequest(JSON.parse(JSON.stringify(value))))
      }),
      { numRuns: 1000 },
    )
  })

  it('has its facts, whatever their spelling', async () => {
    const request = await read(
      '{ "\\u006dodel" : "\\u006d", "m\\u0065ssages" : [ {"r\\u006fle":"user"}, {"content":{"role":1},"role":""} ], "n":2 }',
    )
    expect(request).toMatchObject({ model: 'm', messageCount: 2, hasRemoteMedia: false })
    expect(request.names).toEqual(['model', 'messages', 'n'])
    expect([request.typeOf('messages'), request.typeOf('n'), request.typeOf('x')]).toEqual([
      'array',
      'number',
      undefined,
    ])
    expect(request.member('n')).toBe(2)
  })

  it.each([
    ['no JSON', '{"model":"m","messages":[{"role":"user"}]', false],
    ['no UTF-8', Buffer.from('{"model":"\xff","messages":[{"role":"user"}]}', 'latin1'), false],
    ['an array', '[]', false],
    ['a repeated model', '{"model":"m","messages":[{"role":"user"}],"model":"n"}', true],
    ['repeated messages', '{"model":"m","messages":[{"role":"user"}],"messages":[]}', true],
    ['a role that is repeated', '{"model":"m","messages":[{"role":"user","role":"system"}]}', true],
    [
      'a role that is repeated as no text',
      '{"model":"m","messages":[{"role":"user","r\\u006fle":1}]}',
      true,
    ],
    [
      'more values than allowed',
      JSON.stringify({ model: 'm', messages: [user], x: Array(1000).fill(1) }),
      true,
    ],
    [
      'too many levels',
      `{"model":"m","messages":[{"role":"user","x":${'['.repeat(300)}${']'.repeat(300)}}]}`,
      true,
    ],
    [
      'a name of a megabyte',
      `{"model":"m","messages":[{"role":"user"}],"${'x'.repeat(1e6)}":1}`,
      true,
    ],
    ['a model of a megabyte', JSON.stringify({ model: 'm'.repeat(1e6), messages: [user] }), true],
    [
      'a model of 1025 characters',
      JSON.stringify({ model: 'm'.repeat(1025), messages: [user] }),
      true,
    ],
  ])('is refused with %s', async (_what, text, isConfidential) => {
    const refusal: unknown = await read(text).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(HttpError)
    expect((refusal as HttpError).statusCode).toBe(400)
    expect(refusal instanceof ConfidentialRefusal).toBe(isConfidential)
  })

  const image = (url: unknown) => [{ type: 'image_url', image_url: { url } }]

  it.each<[string, unknown, boolean]>([
    ['text', 'see https://a.example', false],
    ['a part of text', [{ type: 'text', text: 'https://a.example' }], false],
    ['an image in the request', image('data:image/png;base64,AAAA'), false],
    ['an image in the request, in capitals', image('DATA:image/png;base64,AAAA'), false],
    ['a remote image', image('https://a.example/i.png'), true],
    ['a file of the server', image('file:///etc/passwd'), true],
    ['an image without its object', [{ type: 'image_url', image_url: 'http://a.example' }], true],
    ['a video', [{ type: 'video_url', video_url: { url: 'http://a.example' } }], true],
    ['a URL as a member of its part', [{ type: 'x', url: 'http://a.example' }], true],
    ['one of several', [...image('data:,x'), ...image('http://a.example')], true],
    ['an empty URL', image(''), true],
  ])('tells remote media: %s', async (_what, content, isRemote) => {
    const messages = [user, { role: 'user', content }, user]
    expect((await readValue({ model: 'm', messages })).hasRemoteMedia).toBe(isRemote)
  })

  it('tells remote media behind escapes, and none outside of content', async () => {
    const escaped = JSON.stringify({
      model: 'm',
      messages: [{ role: 'user', content: image('http://x') }],
    })
      .replace('"url"', '"\\u0075rl"')
      .replace('http', '\\u0068ttp')
    expect((await read(escaped)).hasRemoteMedia).toBe(true)
    const cited = { ...user, annotations: [{ url_citation: { url: 'https://a.example' } }] }
    const request = { model: 'm', messages: [cited], metadata: [[[[{ url: 'http://x' }]]]] }
    expect((await readValue(request)).hasRemoteMedia).toBe(false)
  })

  it('is overwritten when it is disposed of', async () => {
    const bytes = Buffer.from(JSON.stringify({ model: 'm', messages: [user] }))
    const options = { limits: requestLimits(), turns: new EventLoopTurns() }
    ;(await readChatRequest(bytes, options)).dispose()
    expect(bytes.every((byte) => byte === 0)).toBe(true)
  })
})
