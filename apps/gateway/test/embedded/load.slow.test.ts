import { join } from 'node:path'
import { TINY_TEXT, temporaryFolder, until, writeTinyModel } from '@nomyo-internal/testing'
import { describe, expect, it } from 'vitest'
import { testGateway } from '../support.js'
import { fileModel, library, modelArguments, question } from './model.js'

/** Room for answers without end that last longer than a test. */
const LONG = ['--model-context', '131072']
const SECRET = 'a-word-that-no-log-may-have'

describe.skipIf(library === undefined)('a busy model in this process', () => {
  const args = [...LONG, '--model-parallel', '2', '--model-queue', '1']
  const model = fileModel([...args, '--metrics-port', '0', '--drain-timeout', '1s'])
  const { ask } = model

  const metric = async (name: string): Promise<number> => {
    const [, port] = /metrics on http:\/\/127\.0\.0\.1:(\d+)/.exec(model.gateway.log()) ?? []
    const text = await (await fetch(`http://127.0.0.1:${port ?? ''}/metrics`)).text()
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
    return Number(line?.slice(name.length + 1))
  }
  const IN_FLIGHT = 'nomyo_upstream_requests_in_flight{upstream="embedded"}'
  const WAITING = 'nomyo_model_requests_waiting'

  /** Occupies a slot with an answer without end, until it is aborted. */
  const occupy = (): { readonly ended: Promise<string>; abort(): void } => {
    const controller = new AbortController()
    const request = { ...question('forever'), temperature: 0 }
    const ended = model.client.create(request, { signal: controller.signal }).then(
      ({ choices }) => choices[0].finish_reason,
      () => 'aborted',
    )
    return { ended, abort: () => controller.abort() }
  }

  it('writes several answers at the same time', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => ask('Hello')))
    expect(answers.map(({ choices }) => choices[0].message.content)).toEqual(
      [1, 2, 3].map(() => TINY_TEXT),
    )
  })

  it('refuses what finds no place in the queue, and answers what does', async () => {
    const [first, second] = [occupy(), occupy()]
    await until(async () => (await metric(IN_FLIGHT)) === 2)
    const waiting = ask('Hello')
    await until(async () => (await metric(WAITING)) === 1)
    await expect(ask('Hello').catch((error: unknown) => error)).resolves.toMatchObject({
      statusCode: 503,
    })
    first.abort()
    expect((await waiting).choices[0].message.content).toBe(TINY_TEXT)
    second.abort()
    expect(await first.ended).toBe('aborted')
    await until(async () => (await metric(IN_FLIGHT)) === 0)
  })

  it('ends its work when the caller of a stream leaves', async () => {
    const stream = await model.client.chat.completions.create({
      ...question('forever'),
      stream: true,
    })
    for await (const chunk of stream) {
      expect(chunk.choices).toHaveLength(1)
      break
    }
    await until(async () => (await metric(IN_FLIGHT)) === 0)
    expect((await ask('Hello')).choices[0].message.content).toBe(TINY_TEXT)
  })

  it('gives up the place of a caller that leaves', async () => {
    const occupied = [occupy(), occupy()]
    await until(async () => (await metric(IN_FLIGHT)) === 2)
    const leaving = occupy()
    await until(async () => (await metric(WAITING)) === 1)
    leaving.abort()
    await until(async () => (await metric(WAITING)) === 0)
    for (const { abort } of occupied) abort()
    await until(async () => (await metric(IN_FLIGHT)) === 0)
  })

  it('keeps the model through a reload of the same settings', async () => {
    const report = await model.gateway.reload()
    expect(report).toMatchObject({ status: 'reloaded', changed: [], needsRestart: [] })
    expect((await ask('Hello')).choices[0].message.content).toBe(TINY_TEXT)
  })

  it('logs and counts nothing of a conversation', async () => {
    await ask(SECRET)
    await ask(SECRET, { tools: [{ type: SECRET }] }).catch(() => undefined)
    await ask(SECRET.repeat(10_000)).catch(() => undefined)
    const log = model.gateway.log()
    expect(log).not.toContain(SECRET)
    expect(log).not.toContain(TINY_TEXT)
    expect(log).toContain('"upstream":"embedded"')
    expect(await metric('nomyo_upstream_attempts_total{upstream="embedded"}')).toBeGreaterThan(3)
  })

  it('stops in the middle of an answer', async () => {
    const stream = await model.client.chat.completions.create({
      ...question('forever'),
      stream: true,
    })
    const read = (async () => {
      for await (const chunk of stream) if (chunk.choices.length === 0) return 'ended'
      return 'ended'
    })().catch(() => 'cut')
    await model.gateway.stop()
    expect(await read).toBe('cut')
  })
})

describe.skipIf(library === undefined)('a gateway with a model', () => {
  const path = join(temporaryFolder(), 'tiny.gguf')
  writeTinyModel(path)

  it.each([
    ['no file', [...modelArguments(`${path}.missing`)], 'ERR_MODEL_FILE'],
    ['no model', [...modelArguments(import.meta.filename)], 'ERR_MODEL_FILE'],
    ['no library', ['--model', path, '--model-library', '/'], 'ERR_MODEL_LIBRARY'],
  ])('does not start with %s', async (_, args, code) => {
    await expect(testGateway({ args })).rejects.toMatchObject({ code })
  })
})
