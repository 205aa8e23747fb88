import { publicKeyToHeader } from '@nomyo/crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { startModelServer, until } from '@nomyo-internal/testing'
import { HttpError } from '../src/http-error.js'
import { SERIALIZERS } from '../src/observability/gateway-log.js'
import {
  chat,
  clientHeaders,
  clientKeys,
  complete,
  post,
  rawExchange,
  seal,
  send,
  serverKeys,
  startGateway,
  testGateway,
} from './support.js'

const CANARIES = {
  prompt: 'canary-prompt',
  answer: 'canary-answer',
  apiKey: 'canary-of-the-api-key',
  wrongKey: 'canary-wrong-key',
  upstreamKey: 'canary-upstream-key',
  upstreamError: 'canary-upstream-error',
  query: 'canary-query',
  header: 'canary-header',
}
const AUTHORIZED = { authorization: `Bearer ${CANARIES.apiKey}` }

const upstream = await startModelServer()
const gateway = await startGateway({
  args: [
    ...['--upstream', upstream.url, '--upstream-key', CANARIES.upstreamKey],
    ...['--api-key', CANARIES.apiKey, '--log-level', 'debug'],
  ],
})
afterAll(async () => {
  await gateway.stop()
  upstream.stop()
})

interface LogLine {
  readonly level: number
  readonly msg: string
  readonly method?: string
  readonly route?: string | null
  readonly status?: number
  readonly payloadId?: string
  readonly durationMs?: number
}

/** Every line about a request or its failure: notices have neither. */
const logLines = (stderr: string): LogLine[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine)
    .filter((line) => 'route' in line || 'err' in line)

/** The line a request leaves, as soon as it is there. */
const lineFor = (payloadId: string): Promise<LogLine> =>
  until(() => logLines(gateway.log()).find((one) => one.payloadId === payloadId))

const answerWith = (status: number, text: string): void => {
  upstream.answer = (response) => response.writeHead(status).end(text)
}
const request = await seal(chat(CANARIES.prompt))
const noChatRequest = await seal({ [CANARIES.prompt]: CANARIES.prompt })

describe('a request leaves one line of JSON', () => {
  it('when it succeeds', async () => {
    answerWith(200, JSON.stringify({ choices: [{ message: { content: CANARIES.answer } }] }))
    const headers = { ...AUTHORIZED, 'x-payload-id': 'payload-success' }
    const completion = await complete(gateway, chat(CANARIES.prompt), headers)
    expect(completion.choices[0].message.content).toBe(CANARIES.answer)
    expect(await lineFor('payload-success')).toMatchObject({
      method: 'POST',
      route: '/v1/chat/secure_completion',
      status: 200,
      durationMs: expect.any(Number) as number,
    })
    const lines = logLines(gateway.log()).filter((line) => line.payloadId === 'payload-success')
    expect(lines).toHaveLength(1)
  })

  it.each([
    ['without a key', 401, { authorization: `Bearer ${CANARIES.wrongKey}` }, request],
    ['that cannot be opened', 400, {}, CANARIES.prompt],
    ['that is no chat request', 400, {}, noChatRequest],
    ['with a bad header', 400, { 'x-security-tier': CANARIES.header }, request],
    ['with a bad public key', 400, { 'x-public-key': CANARIES.header }, request],
    ['of another type', 415, { 'content-type': `text/plain; a=${CANARIES.header}` }, request],
    ['of another encoding', 415, { 'content-encoding': CANARIES.header }, request],
  ])('when it is refused: %s', async (_what, status, headers, body) => {
    const payloadId = `payload-${status}-${Math.abs(body.length)}-${Object.keys(headers).join()}`
    const given = { ...AUTHORIZED, ...headers, 'x-payload-id': payloadId }
    expect((await post(gateway, body, given)).status).toBe(status)
    expect(await lineFor(payloadId)).toMatchObject({
      method: 'POST',
      route: '/v1/chat/secure_completion',
      status,
    })
  })

  it('when it is refused: that is too large', async () => {
    const head =
      `POST /v1/chat/secure_completion HTTP/1.1\r\nhost: ${CANARIES.header}\r\n` +
      `authorization: ${AUTHORIZED.authorization}\r\nx-payload-id: payload-too-large\r\n` +
      'content-type: application/octet-stream\r\ncontent-length: 99999999\r\n\r\n'
    await rawExchange(gateway.port, head + CANARIES.prompt)
    expect(await lineFor('payload-too-large')).toMatchObject({ status: 413 })
  })

  it.each([
    [400, 400],
    [401, 502],
    [429, 429],
    [500, 502],
    [503, 503],
  ])('when the upstream answers %i', async (given, status) => {
    answerWith(given, `${CANARIES.upstreamError} ${CANARIES.prompt}`)
    const headers = { ...AUTHORIZED, 'x-payload-id': `payload-upstream-${given}` }
    const body = await seal(chat(CANARIES.prompt))
    expect((await post(gateway, body, headers)).status).toBe(status)
    expect(await lineFor(`payload-upstream-${given}`)).toMatchObject({ status })
  })

  it('when the upstream answers nonsense or breaks off', async () => {
    answerWith(200, `{"${CANARIES.upstreamError}`)
    const nonsense = { ...AUTHORIZED, 'x-payload-id': 'payload-nonsense' }
    expect((await send(gateway, chat(CANARIES.prompt), nonsense)).status).toBe(502)
    upstream.answer = (_response, { socket }) => socket.end(CANARIES.upstreamError)
    const broken = { ...AUTHORIZED, 'x-payload-id': 'payload-broken' }
    expect((await send(gateway, chat(CANARIES.prompt), broken)).status).toBe(503)
    expect(await lineFor('payload-nonsense')).toMatchObject({ status: 502 })
    expect(await lineFor('payload-broken')).toMatchObject({ status: 503 })
  })

  it('without a payload id where there is none to trust', async () => {
    const before = logLines(gateway.log()).length
    const answer = await post(gateway, request, {
      ...AUTHORIZED,
      'x-payload-id': `two ${CANARIES.header}`,
    })
    expect(answer.status).toBe(400)
    await fetch(`${gateway.url}/health?${CANARIES.query}`)
    await fetch(`${gateway.url}/nowhere/${CANARIES.query}?${CANARIES.query}`)
    await rawExchange(gateway.port, `${CANARIES.header}\r\n\r\n`)
    await expect
      .poll(() => logLines(gateway.log()).length, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(before + 3)
    const lines = logLines(gateway.log()).slice(before)
    expect(lines.map(({ route, status }) => [route, status])).toEqual([
      ['/v1/chat/secure_completion', 400],
      ['/health', 200],
      [null, 404],
    ])
    for (const line of lines) expect(line).not.toHaveProperty('payloadId')
  })
})

it('holds no key, prompt, answer or text of a caller, at any level', () => {
  const output = gateway.log()
  expect(logLines(gateway.log()).length).toBeGreaterThan(15)
  for (const [what, canary] of Object.entries(CANARIES)) {
    expect(output, what).not.toContain(canary)
    expect(output, what).not.toContain(Buffer.from(canary).toString('base64').slice(0, 16))
  }
  const publicKeyHeader = publicKeyToHeader(clientKeys.publicKey)
  const keyLines = [clientKeys, serverKeys].flatMap(({ publicKey }) => publicKey.pem.split('\n'))
  for (const line of [
    ...keyLines.filter((one) => one.length > 20),
    publicKeyHeader.slice(60, 99),
  ]) {
    expect(output).not.toContain(line)
  }
})

it('reports failures of a model server as facts, not as faults of the gateway', () => {
  expect(logLines(gateway.log()).filter(({ level }) => level >= 50)).toEqual([])
  expect(gateway.log()).toContain('"upstream":"upstream","kind":"error","status":500')
})

describe('log entries of the framework', () => {
  const serializers = {
    ...SERIALIZERS,
    err: SERIALIZERS.err as (error: unknown) => Record<string, unknown>,
  }

  it('is reduced to the method of a request, and nothing of an answer', () => {
    const headers = { authorization: CANARIES.apiKey }
    const request = { method: 'POST', url: `/?${CANARIES.query}`, headers, body: CANARIES.prompt }
    expect(serializers.req(request)).toEqual({ method: 'POST' })
    expect(serializers.res()).toEqual({})
  })

  it('is reduced to the place of an error, without its words', () => {
    const words = `Unexpected token "${CANARIES.prompt}\n    at ${CANARIES.prompt}"`
    const error = Object.assign(new SyntaxError(words), { code: 'ERR_X', body: CANARIES.prompt })
    const facts = serializers.err(error)
    expect(facts).toMatchObject({ type: 'SyntaxError', message: 'ERR_X' })
    expect(facts['stack']).toMatch(/^\s+at .*logs\.test\.ts/m)
    expect(JSON.stringify(facts)).not.toContain('canary')
    expect(serializers.err(new TypeError(CANARIES.prompt))['message']).toBe('')
    expect(serializers.err(new HttpError(502, 'a fixed text'))['message']).toBe('a fixed text')
  })
})

describe('--log-level', () => {
  it.each([
    ['silent', 0],
    ['error', 0],
    ['warn', 0],
    ['info', 1],
    ['debug', 1],
  ])('%s leaves %i lines for a good request', async (level, expected) => {
    const target = await testGateway({ args: ['--engine', 'demo', '--log-level', level] })
    const headers = clientHeaders()
    expect((await post(target, request, headers)).status).toBe(200)
    await target.stop()
    const lines = logLines(target.log()).filter(
      (line) => line.payloadId === headers['x-payload-id'],
    )
    expect(lines).toHaveLength(expected)
    expect(target.log()).not.toContain(CANARIES.prompt)
  })
})
