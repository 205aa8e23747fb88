import { join } from 'node:path'
import { temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { cacheSalt, cacheSecretOf } from '../src/access/api-keys/cache-salt.js'
import { applyRequestRules, type RequestRules } from '../src/access/policy/request-rules.js'
import { HttpError } from '../src/http-error.js'
import { readChatRequest, requestLimits } from '../src/completion/chat-request.js'
import { EventLoopTurns } from '../src/json/event-loop-turns.js'
import { chatRequestOf } from './in-process.js'
import { addApiKey, chat, sealedErrorOf, send, testGateway, testModelServer } from './support.js'

const onlyLlama = (model: string): boolean => model === 'llama3'

/** Applies rules to a request with these members; returns the members to set, or the status of the refusal. */
function apply(
  members: Record<string, unknown>,
  rules: RequestRules = {},
  allowsModel?: (model: string) => boolean,
  hasRemoteMedia = false,
): unknown {
  const all: Record<string, unknown> = { model: 'llama3', messages: [], ...members }
  const request = { names: Object.keys(all), hasRemoteMedia, member: (name: string) => all[name] }
  try {
    return applyRequestRules(request, rules, allowsModel)
  } catch (error) {
    return error instanceof HttpError ? error.statusCode : error
  }
}

describe('members that route', () => {
  it.each([
    'api_base',
    'base_url',
    'api_key',
    'user_config',
    'extra_headers',
    'kv_transfer_params',
  ])('refuses %s, which names another server, without any policy', (name) => {
    expect(apply({ [name]: 'http://192.0.2.1' })).toBe(400)
  })

  it.each([
    ['models', ['llama3', 'gpt']],
    ['models', 'gpt'],
    ['models', [{ model: 'llama3' }]],
    ['fallbacks', [{ llama3: ['gpt'] }]],
    ['fallbacks', ['gpt']],
    ['context_window_fallbacks', ['gpt']],
    ['provider', { order: ['x'] }],
    ['custom_llm_provider', 'x'],
    ['extra_body', {}],
    ['route', 'fallback'],
  ])('refuses %s: %j where models are restricted', (name, value) => {
    expect(apply({ [name]: value }, {}, onlyLlama)).toBe(403)
    expect(apply({ [name]: value })).toEqual({})
  })

  it('forwards further models that are all allowed', () => {
    expect(apply({ models: ['llama3'], fallbacks: ['llama3'] }, {}, onlyLlama)).toEqual({})
  })
})

describe('members in another spelling', () => {
  it.each([
    'Model',
    'MODELS',
    'Api_Base',
    'N',
    'Max_Tokens',
    'ſtream',
    'cache_ſalt',
    'Kv_transfer_params',
  ])('refuses %s, which a model server may take for the one of its API', (name) => {
    expect(apply({ [name]: 'x' })).toBe(400)
  })

  it('forwards others', () => {
    expect(apply({ Temperature_K: 1, 'X-Own': 2, größe: 3 })).toEqual({})
  })
})

describe('limits', () => {
  it.each([
    [{ n: 128 }, {}, {}],
    [{ n: 129 }, {}, 400],
    [{ n: '1000' }, {}, 400],
    [{ n: NaN }, {}, 400],
    [{ n: null }, {}, {}],
    [{ best_of: 1000 }, {}, 400],
    [{ n: 3 }, { maxChoices: 2 }, 400],
    [{ n: 2 }, { maxChoices: 2 }, {}],
    [{ max_tokens: 101 }, { maxTokens: 100 }, 400],
    [{ max_completion_tokens: 101 }, { maxTokens: 100 }, 400],
    [{ max_tokens: 1, max_completion_tokens: 1e9 }, { maxTokens: 100 }, 400],
    [{ max_tokens: '9' }, { maxTokens: 100 }, 400],
    [{ max_tokens: 100 }, { maxTokens: 100 }, {}],
    [{}, { maxTokens: 100 }, { max_tokens: 100 }],
    [{ max_tokens: null }, { maxTokens: 100 }, { max_tokens: 100 }],
    [{ max_tokens: 1e9 }, {}, {}],
  ] as [Record<string, unknown>, RequestRules, unknown][])(
    '%j under %j',
    (members, rules, result) => {
      expect(apply(members, rules)).toEqual(result)
    },
  )
})

describe('media at an address', () => {
  it.each([
    ['forwarded without a restriction', {}, undefined, {}],
    ['refused with one', {}, onlyLlama, 400],
    ['refused where the rules say so', { remoteMedia: 'refuse' }, undefined, 400],
    ['forwarded where the rules say so', { remoteMedia: 'forward' }, onlyLlama, {}],
  ] as const)('is %s', (_title, rules, allowsModel, result) => {
    expect(apply({}, rules, allowsModel, true)).toEqual(result)
  })
})

describe('unknown members', () => {
  it('are forwarded by default, and refused where the rules say so and do not list them', () => {
    const rules = { unknownMembers: 'refuse' } as const
    expect(apply({ top_k: 3 })).toEqual({})
    expect(apply({ top_k: 3 }, rules)).toBe(400)
    expect(apply({ top_k: 3, temperature: 1 }, { ...rules, members: ['top_k'] })).toEqual({})
  })
})

describe('the salt of the prompt cache', () => {
  const alice = cacheSecretOf('alice-has-a-key-of-her-own')
  const bob = cacheSecretOf('bob-has-another-key')

  it('is the same for one key everywhere, and differs between keys', () => {
    expect(cacheSalt(alice, undefined)).toBe(
      cacheSalt(cacheSecretOf('alice-has-a-key-of-her-own'), undefined),
    )
    expect(cacheSalt(alice, undefined)).not.toBe(cacheSalt(bob, undefined))
    expect(cacheSalt(alice, undefined)).toMatch(/^[\w-]{43}$/)
  })

  it('divides the cache of a key by the salt of the caller, which never appears', () => {
    expect(cacheSalt(alice, 'user-1')).not.toBe(cacheSalt(alice, 'user-2'))
    expect(cacheSalt(alice, 'user-1')).not.toBe(cacheSalt(bob, 'user-1'))
    expect(cacheSalt(alice, 'user-1')).not.toContain('user-1')
  })

  it('counts a salt of another type as none', () => {
    expect(cacheSalt(alice, 7)).toBe(cacheSalt(alice, undefined))
  })
})

describe('media of a request', () => {
  const hasRemoteMedia = async (content: unknown, more: object = {}): Promise<boolean> => {
    const messages = [{ role: 'user', content, ...more }]
    return (await chatRequestOf({ model: 'm', messages })).hasRemoteMedia
  }
  const image = (url: string) => [{ type: 'image_url', image_url: { url } }]

  it.each([
    [image('https://192.0.2.1/x')],
    [image('file:///etc/passwd')],
    [image('')],
    [image(' data:image/png;base64,AA')],
    [[{ type: 'image_url', image_url: 'http://192.0.2.1' }]],
    [[{ type: 'video_url', video_url: { url: 'http://192.0.2.1' } }]],
    [[{ type: 'tool_result', content: image('http://192.0.2.1') }]],
  ])('is remote: %j', async (content) => {
    expect(await hasRemoteMedia(content)).toBe(true)
  })

  it.each([
    ['see https://example.com'],
    [image('data:image/png;base64,AA')],
    [image('DATA:image/png;base64,AA')],
    [[{ type: 'text', text: 'url' }]],
    [[{ type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } }]],
  ])('is in the request: %j', async (content) => {
    expect(await hasRemoteMedia(content)).toBe(false)
  })

  it('is not the address of a citation in an earlier answer', async () => {
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://example.com' } }]
    expect(await hasRemoteMedia('x', { annotations })).toBe(false)
  })

  it('is found behind an escaped name', async () => {
    const text = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: image('x:') }] })
    const escaped = text.replace('"url"', '"\\u0075rl"')
    expect(escaped).toContain('u0075')
    expect((await chatRequestOf(JSON.parse(text) as object)).hasRemoteMedia).toBe(true)
    const options = { limits: requestLimits(), turns: new EventLoopTurns() }
    expect((await readChatRequest(Buffer.from(escaped), options)).hasRemoteMedia).toBe(true)
  })
})

describe('a gateway with rules', () => {
  const KEY = 'a-key-of-the-rules-test'

  /** Sends a request with these members; returns its status, and the members that the model server got. */
  async function forwarded(
    members: object,
    { requests, key }: { requests?: RequestRules; key?: readonly string[] } = {},
  ): Promise<{ status: number; param?: unknown; received?: Record<string, unknown> }> {
    const upstream = await testModelServer()
    const keysFile = join(temporaryFolder(), 'keys.json')
    const apiKey = key && (await addApiKey(keysFile, ...key))
    const args = [
      '--upstream',
      upstream.url,
      ...(key ? ['--keys-file', keysFile] : ['--api-key', KEY]),
    ]
    const gateway = await testGateway({ args, config: { requests } })
    const authorization = `Bearer ${apiKey ?? KEY}`
    const answer = await send(gateway, { ...chat('x'), ...members }, { authorization })
    const received = upstream.seen.find(({ method }) => method === 'POST')
    if (answer.status !== 200)
      return { status: answer.status, param: (await sealedErrorOf(answer))?.error.param }
    return {
      status: answer.status,
      received: JSON.parse(received!.body) as Record<string, unknown>,
    }
  }

  it('sets the limit of tokens and removes the salt of the caller', async () => {
    const { status, received } = await forwarded(
      { cache_salt: 'of-another-key' },
      { requests: { maxTokens: 50 } },
    )
    expect(status).toBe(200)
    expect(received).toMatchObject({ max_tokens: 50 })
    expect(JSON.stringify(received)).not.toContain('of-another-key')
  })

  it.each([
    [{ api_base: 'http://192.0.2.1' }, {}, 400, 'api_base'],
    [{ n: 3 }, { requests: { maxChoices: 2 } }, 400, 'n'],
    [{ models: ['nomyo/echo', 'other'] }, { key: ['--models', 'nomyo/echo'] }, 403, 'models'],
    [{ provider: {} }, { key: ['--models', 'nomyo/echo'] }, 403, 'provider'],
  ] as const)(
    'refuses %j under %j and names the member in the encrypted error',
    async (members, rules, status, param) => {
      expect(await forwarded(members, rules)).toEqual({ status, param })
    },
  )
})
