import { readFileSync } from 'node:fs'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { startModelServer, until } from '@nomyo-internal/testing'
import { REFUSAL_CODES } from '../src/http-error.js'
import { completionFields } from '../src/observability/completion-log.js'
import {
  CompletionObservation,
  type CompletionRecord,
} from '../src/observability/completion-record.js'
import {
  addApiKey,
  chat,
  clientHeaders,
  complete,
  holdAnswer,
  logEntries,
  post,
  seal,
  send,
  startGateway,
  statusOf,
  temporaryFile,
} from './support.js'

const keysFile = temporaryFile('{"version":1,"keys":[]}')
const alice = await addApiKey(keysFile, '--name', 'alice')
const limited = await addApiKey(keysFile, '--name', 'limited', '--models', 'a')
const upstream = await startModelServer()
const gateway = await startGateway({
  args: ['--upstream', upstream.url, '--keys-file', keysFile],
})
afterAll(async () => {
  await gateway.stop()
  upstream.stop()
})
const answerWithTokens = (): void => {
  upstream.answer = (response) =>
    response.end(
      JSON.stringify({
        choices: [{ message: { content: 'canary-answer' } }],
        usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
      }),
    )
}
afterEach(answerWithTokens)
answerWithTokens()

type Line = Readonly<Record<string, unknown>>
const lineOf = (payloadId: string): Promise<Line> =>
  until(() => logEntries<Line>(gateway.log()).find((line) => line['payloadId'] === payloadId))

const authorized = (key = alice): Record<string, string> => ({
  ...clientHeaders(),
  authorization: `Bearer ${key}`,
})

describe('the line of an encrypted request', () => {
  it('has key name, model, tier, upstream, durations, tokens and sizes', async () => {
    const headers: Record<string, string> = { ...authorized(), 'x-security-tier': 'high' }
    const body = await seal(chat('canary-prompt', { model: 'some/model:7b' }))
    const answer = await post(gateway, body, headers)
    expect(answer.status).toBe(200)
    const line = await lineOf(headers['x-payload-id'] ?? '')
    expect(line).toMatchObject({
      msg: 'request',
      method: 'POST',
      route: '/v1/chat/secure_completion',
      status: 200,
      outcome: 'ok',
      key: 'alice',
      tier: 'high',
      model: 'some/model:7b',
      promptTokens: 11,
      completionTokens: 7,
      totalTokens: 18,
      bytesIn: body.length,
      bytesOut: answer.bytes.length,
    })
    for (const name of ['durationMs', 'queueMs', 'decryptMs', 'upstreamMs', 'encryptMs']) {
      expect(line[name], name).toBeTypeOf('number')
    }
    expect(line).not.toHaveProperty('quoteMs')
    expect(gateway.log()).not.toContain('canary')
    expect(gateway.log()).not.toContain(alice)
  })

  it.each([
    ['unauthorized', 401, { authorization: 'Bearer wrong' }, undefined],
    ['header_invalid', 400, { 'x-security-tier': 'none' }, undefined],
    ['undecryptable', 400, {}, 'garbage'],
    ['unsupported', 415, { 'content-type': 'text/plain' }, undefined],
    ['not_allowed', 403, { authorization: `Bearer ${limited}` }, undefined],
  ])('has the outcome %s', async (outcome, status, headers, body) => {
    const given: Record<string, string> = { ...authorized(), ...headers }
    expect((await post(gateway, body ?? (await seal()), given)).status).toBe(status)
    expect(await lineOf(given['x-payload-id'] ?? '')).toMatchObject({ outcome, status })
  })

  it('names no key before authentication, and no model before decryption', async () => {
    const wrong = authorized('wrong')
    await post(gateway, await seal(), wrong)
    expect(await lineOf(wrong['x-payload-id'] ?? '')).not.toHaveProperty('key')
    const broken = authorized()
    await post(gateway, 'garbage', broken)
    const line = await lineOf(broken['x-payload-id'] ?? '')
    expect(line).toMatchObject({ key: 'alice', tier: 'standard' })
    expect(line).not.toHaveProperty('model')
    expect(line).not.toHaveProperty('upstreamMs')
  })

  it('says that the caller disconnected, once the work for it has ended', async () => {
    const held = holdAnswer(upstream)
    const headers = authorized()
    const abort = new AbortController()
    const sent = statusOf(send(gateway, chat('x'), headers, abort.signal))
    await held.arrived
    abort.abort()
    await expect(sent).rejects.toThrow()
    const line = await lineOf(headers['x-payload-id'] ?? '')
    expect(line).toMatchObject({ outcome: 'disconnected', status: null, key: 'alice' })
    expect(line['upstreamMs']).toBeTypeOf('number')
    held.release()
  })

  it('has no counts that the model server does not report as counts', async () => {
    upstream.answer = (response) =>
      response.end(
        '{"choices":[{}],"usage":{"prompt_tokens":"12","completion_tokens":-1,"total_tokens":1e15}}',
      )
    const headers = authorized()
    await complete(gateway, chat('x'), headers)
    const line = await lineOf(headers['x-payload-id'] ?? '')
    for (const name of ['promptTokens', 'completionTokens', 'totalTokens']) {
      expect(line, name).not.toHaveProperty(name)
    }
  })

  it('keeps the name of a model on one line of bounded length', () => {
    const { model } = completionFields(
      recordOf((observation) => {
        observation.model = `a\n\u001b[31m\u202e${'x'.repeat(10_000)}`
      }),
      { logModels: true },
    ) as { model: string }
    expect(model).toMatch(/^a \[31mx+$/)
    expect(model.length).toBeLessThanOrEqual(128)
  })
})

/** Collects the record of an observation that ends at once. */
function recordOf(fill: (observation: CompletionObservation) => void): CompletionRecord {
  let record: CompletionRecord | undefined
  const observation = new CompletionObservation({ requestId: 'r', payloadId: undefined, wire: 1 }, [
    { completed: (one) => (record = one) },
  ])
  fill(observation)
  void observation.close(200)
  return record!
}

describe('a completion record', () => {
  it('is delivered once to every observer, after the response and all work', async () => {
    const events: string[] = []
    const observer = (name: string) => ({
      completed: ({ outcome }: CompletionRecord) => void events.push(`${name} ${outcome}`),
    })
    const observation = new CompletionObservation({ requestId: 'r', payloadId: 'p', wire: 1 }, [
      observer('first'),
      observer('second'),
    ])
    let finish = (): void => undefined
    const work = observation.during(() => new Promise<void>((resolve) => (finish = resolve)))
    const closed = observation.close(null)
    expect(events).toEqual([])
    finish()
    await work
    await closed
    await observation.during(() => Promise.resolve())
    expect(events).toEqual(['first disconnected', 'second disconnected'])
  })

  it('has the times of its steps, those of failed ones too', async () => {
    let record: CompletionRecord | undefined
    const observation = new CompletionObservation(
      { requestId: 'r', payloadId: undefined, wire: 1 },
      [{ completed: (one) => (record = one) }],
    )
    await observation.time('decrypt', () => Promise.resolve())
    await expect(
      observation.time('upstream', () => Promise.reject(new Error('fails'))),
    ).rejects.toThrow()
    observation.refuse('upstream_failed')
    await observation.close(502)
    expect(record?.outcome).toBe('upstream_failed')
    expect(Object.keys(record?.steps ?? {})).toEqual(['decrypt', 'upstream'])
    const { decrypt, upstream: asked } = record?.steps ?? {}
    expect(asked!.startMs).toBeGreaterThanOrEqual(decrypt!.startMs + decrypt!.durationMs)
    expect(record!.totalMs).toBeGreaterThanOrEqual(asked!.startMs + asked!.durationMs)
  })

  it('reaches the other observers when one fails', async () => {
    const received: string[] = []
    const fault = new Error('fails')
    const observation = new CompletionObservation(
      { requestId: 'r', payloadId: undefined, wire: 1 },
      [
        {
          completed: () => {
            throw fault
          },
        },
        { completed: ({ requestId }) => void received.push(requestId) },
      ],
    )
    const { record, failures } = await observation.close(200)
    expect(received).toEqual(['r'])
    expect(failures).toEqual([fault])
    expect(record.outcome).toBe('ok')
  })
})

it('every field of a line is documented, and exists', async () => {
  const text = readFileSync(new URL('../../../docs/gateway/operation.md', import.meta.url), 'utf8')
  const logs = text.slice(text.indexOf('\n## Logs'), text.indexOf('\nOutcomes: '))
  const common = [...(/^Every JSON line has [^.]*\./m.exec(logs)?.[0] ?? '').matchAll(/`(\w+)`/g)]
  const rows = [...logs.matchAll(/^\| (`[^|]*`) /gm)].flatMap(([, cell = '']) => [
    ...cell.matchAll(/`(\w+)`/g),
  ])
  const documented = [...common, ...rows].map(([, name = '']) => name)
  answerWithTokens()
  const headers = authorized()
  await complete(gateway, chat('x'), headers)
  const line = await lineOf(headers['x-payload-id'] ?? '')
  // There is no TPM, and no stream.
  const others = ['quoteMs', 'stream', 'streamParts', 'firstPartMs']
  expect([...Object.keys(line), ...others].sort()).toEqual(documented.sort())
})

it('every outcome is documented', () => {
  const text = readFileSync(new URL('../../../docs/gateway/operation.md', import.meta.url), 'utf8')
  const [list = ''] = /^Outcomes: [^.]*\./m.exec(text) ?? []
  const documented = [...list.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code)
  expect(documented.sort()).toEqual([...REFUSAL_CODES].sort())
})
