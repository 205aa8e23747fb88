import { randomUUID } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import {
  startGateway as startProgramGateway,
  startModelServer,
  stopAfterTest,
} from '@nomyo-internal/testing'
import { createGateway } from '../src/gateway.js'
import { LocalReplayCache } from '../src/completion/replay/local.js'
import {
  HI,
  fileGateway,
  post,
  refusalOf,
  seal,
  statusOf,
  testGateway,
  useFakeClock,
} from './support.js'

const upstream = await startModelServer()
afterAll(upstream.stop)
const gateway = await fileGateway({ args: ['--upstream', upstream.url] })

describe('a replay', () => {
  it('of an envelope is refused, under any payload id, and the model is not asked', async () => {
    const body = await seal()
    const headers = { 'x-payload-id': randomUUID() }
    expect(await statusOf(post(gateway, body, headers))).toBe(200)
    const asked = upstream.seen.length
    const answer = await post(gateway, body, headers)
    refusalOf(answer, 409)
    expect(await statusOf(post(gateway, body))).toBe(409)
    expect(upstream.seen).toHaveLength(asked)
  })

  it('of an envelope is refused also when it is written in another way', async () => {
    const body = await seal()
    expect(await statusOf(post(gateway, body))).toBe(200)
    const { version, ...rest } = JSON.parse(new TextDecoder().decode(body)) as object & {
      version: string
    }
    const rewritten = JSON.stringify({ ...rest, extra: 1, version }, null, 2)
    expect(await statusOf(post(gateway, rewritten))).toBe(409)
  })

  it('of a payload id is refused, with any envelope', async () => {
    const headers = { 'x-payload-id': randomUUID() }
    expect(await statusOf(post(gateway, await seal(), headers))).toBe(200)
    expect(await statusOf(post(gateway, await seal(), headers))).toBe(409)
  })

  it('that is sent at the same time: one copy of twenty passes, whichever', async () => {
    const body = await seal()
    const id = { 'x-payload-id': randomUUID() }
    const asked = upstream.seen.length
    const copies = Array.from({ length: 20 }, (_, copy) =>
      statusOf(post(gateway, body, copy % 2 === 0 ? id : {})),
    )
    const statuses = (await Promise.all(copies)).sort()
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 409)])
    expect(upstream.seen).toHaveLength(asked + 1)
  })

  it.each([400, 429, 500, 503])(
    'is one also after the model server answered %i',
    async (status) => {
      const body = await seal()
      upstream.answer = (response) => response.writeHead(status).end()
      expect(await statusOf(post(gateway, body))).toBeGreaterThanOrEqual(400)
      upstream.answer = (response) => response.end(HI)
      expect(await statusOf(post(gateway, body))).toBe(409)
      expect(await statusOf(post(gateway, await seal()))).toBe(200)
    },
  )

  it('is one also of what was no chat request', async () => {
    const body = await seal({ model: 'x' })
    const headers = { 'x-payload-id': randomUUID() }
    expect(await statusOf(post(gateway, body, headers))).toBe(400)
    expect(await statusOf(post(gateway, body))).toBe(409)
    expect(await statusOf(post(gateway, await seal(), headers))).toBe(409)
  })
})

it('a request that cannot be decrypted does not use up its payload id', async () => {
  const headers = { 'x-payload-id': randomUUID() }
  expect(await statusOf(post(gateway, 'garbage', headers))).toBe(400)
  expect(await statusOf(post(gateway, await seal(), headers))).toBe(200)
})

it('a copy of a refused replay does not use up the other id', async () => {
  const body = await seal()
  expect(await statusOf(post(gateway, body))).toBe(200)
  const fresh = { 'x-payload-id': randomUUID() }
  expect(await statusOf(post(gateway, body, fresh))).toBe(409)
  expect(await statusOf(post(gateway, await seal(), fresh))).toBe(200)
})

it('is remembered for --replay-window, counted from the first copy', async () => {
  const target = await testGateway({ args: ['--engine', 'demo', '--replay-window', '1s'] })
  const clock = useFakeClock()
  const body = await seal()
  expect(await statusOf(post(target, body))).toBe(200)
  clock.advance(900)
  expect(await statusOf(post(target, body))).toBe(409)
  clock.advance(200)
  expect(await statusOf(post(target, body))).toBe(200)
})

it('is refused by default', async () => {
  const target = stopAfterTest(await startProgramGateway(createGateway))
  const body = await seal()
  expect(await statusOf(post(target, body))).toBe(200)
  expect(await statusOf(post(target, body))).toBe(409)
})

describe('the memory of one process', () => {
  it('claims all ids or none', async () => {
    const memory = new LocalReplayCache({ windowMs: 60_000 })
    expect(await memory.claim(['a', 'b'])).toBe(true)
    expect(await memory.claim(['c', 'b'])).toBe(false)
    expect(await memory.claim(['c'])).toBe(true)
  })

  it('refuses with 503 while it is full, until entries expire', async () => {
    const clock = useFakeClock()
    const memory = new LocalReplayCache({ windowMs: 300, maxIds: 4 })
    await memory.claim(['a', 'b'])
    await memory.claim(['c', 'd'])
    await expect(memory.claim(['e', 'f'])).rejects.toMatchObject({
      statusCode: 503,
      retryAfterSeconds: 1,
    })
    expect(await memory.claim(['a', 'new'])).toBe(false)
    clock.advance(350)
    expect(await memory.claim(['e', 'f'])).toBe(true)
    expect(await memory.claim(['a', 'b'])).toBe(true)
  })

  it('forgets many expired entries in several steps, and counts none of them', async () => {
    const clock = useFakeClock()
    const memory = new LocalReplayCache({ windowMs: 300 })
    const ids = Array.from({ length: 100_000 }, (_, at) => `id-${at}`)
    await memory.claim(ids)
    clock.advance(350)
    expect(await memory.claim(['id-99999', 'new'])).toBe(true)
    // Most are still there.
    expect(memory.size).toBe(99_001)
    expect(await memory.claim(['id-99999'])).toBe(false)
    clock.advance(200)
    expect(await memory.claim(['id-99999'])).toBe(false)
    for (let turn = 0; turn < 100; turn++) await memory.claim([`later-${turn}`])
    clock.advance(200)
    expect(await memory.claim(['id-99999', 'id-5'])).toBe(true)
    expect(memory.size).toBeLessThan(105)
  })
})
