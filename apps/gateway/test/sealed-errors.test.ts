import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '@nomyo-internal/testing'
import { errorObject } from '../src/confidential-refusal.js'
import { sealRefusals } from '../src/completion/seal-refusal.js'
import { LegacyClient } from './legacy-client.js'
import { UpstreamRefusal } from '../src/upstreams/server/upstream-refusal.js'
import {
  addApiKey,
  chat,
  clientKeys,
  completionOf,
  expectAlive,
  fileGateway,
  get,
  post,
  refusalOf,
  seal,
  sealedErrorOf,
  send,
  testGateway,
  testModelServer,
} from './support.js'

const gateway = await fileGateway({ args: ['--engine', 'demo', '--log-level', 'debug'] })

const CANARY = 'canary-of-the-prompt'
const ask = (model: string, headers: Record<string, string> = {}) =>
  send(gateway, { model, messages: [{ role: 'user', content: CANARY }] }, headers)

describe('the error of a model server', () => {
  it.each([
    ['context-length', 400, 400, 'context_length_exceeded', 'messages', null],
    ['invalid-param', 400, 400, 'decimal_above_max_value', 'temperature', null],
    ['content-filter', 400, 400, 'content_filter', 'messages', null],
    ['model-not-found', 400, 404, 'model_not_found', 'model', null],
    ['with-no-entry', 400, 404, 'model_not_found', 'model', null],
    ['rate-limit', 429, 429, 'rate_limit_exceeded', null, '2'],
    ['server', 502, 500, null, null, null],
    ['overloaded', 503, 503, 'overloaded', null, '1'],
    ['timeout', 504, 504, 'timeout', null, null],
  ])('is encrypted for the caller: %s', async (name, outer, status, code, param, retryAfter) => {
    const payloadId = randomUUID()
    const answer = await ask(`nomyo/error-${name}`, { 'x-payload-id': payloadId })
    expect(refusalOf(answer, outer)).not.toMatch(/demo|nomyo|token/i)
    expect(answer.headers.get('retry-after')).toBe(retryAfter)
    const sealed = await sealedErrorOf(answer)
    expect(sealed?.error).toMatchObject({ status, code, param })
    expect(sealed?.error.message).toMatch(/^\[demo engine, not a model\] /)
    expect(sealed?._metadata).toEqual({ payload_id: payloadId, response_status: 'error' })
  })

  it('shows outside only by its status: the fixed texts are those without an inner error', async () => {
    for (const answer of [
      await ask('nomyo/error-context-length'),
      await ask('nomyo/error-server'),
    ]) {
      const text = new TextDecoder().decode(answer.bytes)
      expect(text).not.toMatch(/context|nomyo|canary/)
      expect(Object.keys(JSON.parse(text) as object)).toEqual(['detail', 'sealed_error'])
    }
    expect(gateway.log()).not.toMatch(/context_length|canary|maximum context/)
  })

  it('that quotes the prompt leaves no trace of it outside, and arrives whole', async () => {
    const message = `invalid content: ${CANARY}`
    const upstream = await testModelServer((response) => {
      const error = { message, type: CANARY, param: CANARY, code: CANARY }
      response.writeHead(422).end(JSON.stringify({ error }))
    })
    const args = ['--upstream', upstream.url, '--log-level', 'debug']
    const target = await testGateway({ args })
    const answer = await send(target, chat(CANARY))
    const texts = [
      new TextDecoder().decode(answer.bytes),
      JSON.stringify([...answer.headers]),
      target.log(),
    ]
    for (const text of texts) expect(text).not.toContain('canary')
    expect((await sealedErrorOf(answer))?.error).toEqual({
      ...{ status: 422, message },
      ...{ type: CANARY, param: CANARY, code: CANARY },
    })
  })

  it('has the length of any other', async () => {
    const models = [
      'nomyo/error-content-filter',
      'nomyo/error-context-length',
      'nomyo/error-server',
    ]
    const sizes = await Promise.all(
      models.map(async (model) => {
        const { bytes } = await ask(model)
        const { sealed_error } = JSON.parse(new TextDecoder().decode(bytes)) as Record<
          string,
          unknown
        >
        return JSON.stringify(sealed_error).length
      }),
    )
    expect(new Set(sizes).size).toBe(1)
  })

  it('stays out of the list of models', async () => {
    const list = new TextDecoder().decode((await get(gateway, '/v1/models')).bytes)
    expect(list).toContain('nomyo/demo')
    expect(list).not.toContain('error')
  })
})

describe('a refusal of the gateway that depends on plaintext', () => {
  it.each([
    ['no model', { messages: [{ role: 'user' }] }, 'model'],
    ['a model of another type', { model: 7, messages: [{ role: 'user' }] }, 'model'],
    ['no messages', { model: 'm' }, 'messages'],
    ['a message without a role', { model: 'm', messages: [{}] }, 'messages'],
  ])('is encrypted for the caller: %s', async (_what, request, param) => {
    const answer = await send(gateway, request)
    refusalOf(answer, 400)
    expect((await sealedErrorOf(answer))?.error).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      param,
    })
  })

  it('names the model and the tier to the caller alone', async () => {
    const file = `${temporaryFolder()}/keys`
    const key = await addApiKey(
      file,
      '--name',
      'alice',
      '--models',
      'nomyo/echo',
      '--tiers',
      'high',
    )
    const limited = await testGateway({ args: ['--engine', 'demo', '--keys-file', file] })
    const headers = { authorization: `Bearer ${key}`, 'x-security-tier': 'high' }
    const model = await send(limited, chat('x', { model: 'canary/model' }), headers)
    const tier = await send(limited, chat('x'), { ...headers, 'x-security-tier': 'maximum' })
    expect(refusalOf(model, 403)).toBe(refusalOf(tier, 403))
    const inner = { model: await sealedErrorOf(model), tier: await sealedErrorOf(tier) }
    expect(inner.model?.error).toMatchObject({ status: 403, code: 'model_not_allowed' })
    expect(inner.model?.error.message).toContain('canary/model')
    expect(inner.tier?.error).toMatchObject({ status: 403, code: 'tier_not_allowed', param: null })
    await completionOf(await send(limited, chat('x'), headers))
  })
})

it('a request in the form of nomyo-js 0.1 reads its text, and has the error in that form', async () => {
  const legacy = await testGateway({ args: ['--engine', 'demo', '--accept-legacy-tag'] })
  const client = new LegacyClient({ baseUrl: legacy.url })
  const request = {
    model: 'nomyo/error-context-length',
    messages: [{ role: 'user', content: 'x' }],
  }
  const refused = client.create(request)
  await expect(refused).rejects.toMatchObject({
    status: 400,
    detail: expect.stringMatching(/^The inference backend/) as string,
  })
  const answer = await post(legacy, await client.seal(request))
  const body = JSON.parse(new TextDecoder().decode(answer.bytes)) as {
    sealed_error: { encrypted_payload: object }
  }
  expect(Object.keys(body.sealed_error.encrypted_payload)).toEqual(['ciphertext', 'nonce'])
})

describe('a refusal before plaintext exists', () => {
  it('carries no encrypted error, so that it is no oracle', async () => {
    const body = await seal(chat('x'))
    const id = { 'x-payload-id': randomUUID() }
    await completionOf(await post(gateway, body, id))
    const replayed = await post(gateway, body, id)
    const otherKey = await post(gateway, '{}')
    const noKey = await post(gateway, body, { 'x-public-key': undefined })
    const noJson = await send(gateway, 'a text')
    for (const [answer, status] of [
      [replayed, 409],
      [otherKey, 400],
      [noKey, 400],
      [noJson, 400],
    ] as const) {
      refusalOf(answer, status)
      expect(await sealedErrorOf(answer)).toBeUndefined()
    }
    expect(refusalOf(noJson)).toBe(refusalOf(otherKey))
  })
})

describe('an error object', () => {
  it('keeps what is text, and cuts it', () => {
    const longest = errorObject(400, {
      message: '\u{1f600}'.repeat(5000),
      type: 'x'.repeat(5000),
      param: ['x'],
      code: 400,
    })
    expect(longest).toMatchObject({ status: 400, param: null, code: '400' })
    expect(longest.type).toHaveLength(257)
    expect(longest.message.length).toBeLessThanOrEqual(4097)
    expect(longest.message.isWellFormed()).toBe(true)
    expect(errorObject(500, {})).toMatchObject({ type: null, param: null, code: null })
    expect(errorObject(500, { message: '' }).message).not.toBe('')
  })

  it('of the largest size is one that clients read', async () => {
    const inner = errorObject(400, { message: '\u0000'.repeat(5000), type: '\u0000'.repeat(300) })
    const refused = sealRefusals(
      { payloadId: 'x'.repeat(200), replyKey: clientKeys.publicKey },
      () => Promise.reject(new UpstreamRefusal(inner)),
    )
    const error: unknown = await refused.catch((reason: unknown) => reason)
    const { sealedError } = error as { sealedError: unknown }
    expect(JSON.stringify(sealedError).length).toBeLessThan(60 * 1024)
  })
})

it('no error of a model server shows in its log form', () => {
  const refusal = new UpstreamRefusal(errorObject(400, { message: CANARY, code: CANARY }))
  expect(JSON.stringify(Object.entries(refusal))).not.toContain('canary')
  expect(String(refusal.stack)).not.toContain('canary')
})

it('a gateway that refused everything still serves', () => expectAlive(gateway))
