import { createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { listenOnLoopback, startServer } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { silentLogger } from '../src/observability/log.js'
import { RedisConnection } from '../src/redis/connection.js'
import { RedisError } from '../src/redis/error-code.js'
import { Outages, type RedisObserver } from '../src/redis/outages.js'
import { WaitBudget } from '../src/redis/wait-budget.js'

describe('the log of failures of Redis', () => {
  function outages() {
    const lines: string[] = []
    const counted: string[] = []
    const clock = { ms: 0 }
    const logger = {
      info: (text: string) => lines.push(text),
      warn: (text: string) => lines.push(text),
    }
    const observer: RedisObserver = {
      failed: (use, code) => void counted.push(`${use} ${code}`),
      degraded: (use, degraded) => void counted.push(`${use} ${degraded}`),
    }
    const consequences = { replay: 'refused', rate: 'local' }
    return {
      lines,
      counted,
      clock,
      log: new Outages(logger, observer, consequences, () => clock.ms),
    }
  }

  it('has each code of an outage once, and its end', () => {
    const { log, lines, counted, clock } = outages()
    log.succeeded('replay', 'claim')
    for (let at = 0; at < 100; at++) log.failed('replay', 'claim', at % 2 ? 'READONLY' : 'OOM')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toContain('(OOM)')
    expect(lines[1]).toContain('(READONLY)')
    expect(counted).toHaveLength(101)
    expect(counted[0]).toBe('replay OOM')
    clock.ms = 2000
    log.succeeded('replay', 'claim')
    expect(lines).toHaveLength(3)
    expect(counted.at(-1)).toBe('replay false')
    log.failed('replay', 'claim', 'OOM')
    expect(lines).toHaveLength(4)
  })

  it('has no end while one of several operations fails, or every other command does', () => {
    const { log, lines, clock } = outages()
    log.failed('rate', 'count', 'OOM')
    clock.ms = 10_000
    log.succeeded('rate', 'read')
    expect(lines).toHaveLength(1)
    for (; clock.ms < 20_000; clock.ms += 1000) {
      log.failed('rate', 'count', 'CLUSTERDOWN')
      log.succeeded('rate', 'count')
    }
    expect(lines).toHaveLength(2)
    clock.ms += 2000
    log.succeeded('rate', 'count')
    expect(lines).toHaveLength(3)
  })

  it('counts a use that its own part of the gateway reports, without a line', () => {
    const { log, lines, counted } = outages()
    log.failed('keys', 'keys', 'NOAUTH')
    expect(lines).toEqual([])
    expect(counted).toContain('keys NOAUTH')
  })
})

/** A Redis that greets, and answers nothing else. */
async function hungRedis(): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    // HELLO, and INFO cluster.
    socket.once('data', () => {
      socket.write('%0\r\n')
      socket.once('data', () => socket.write('$0\r\n\r\n'))
    })
  })
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `redis://127.0.0.1:${port}`
}

const codeOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => 'answered',
    (error: unknown) => (error instanceof RedisError ? error.code : error),
  )

it('a server of another kind is named, and asked again and again without harm', async () => {
  const { url, stop } = await startServer((_, response) => response.end('canary'))
  onTestFinished(stop)
  const lines: string[] = []
  const logger = { info: () => undefined, warn: (text: string) => void lines.push(text) }
  const redis = await RedisConnection.open(url.replace('http:', 'redis:'), { logger })
  onTestFinished(() => redis.close())
  const ask = (): Promise<unknown> =>
    codeOf(redis.run('replay', 'claim', (client) => client.get('key')))
  expect(await ask()).toBe('PROTOCOL')
  await setTimeout(500)
  expect(await ask()).toBe('PROTOCOL')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('(PROTOCOL)')
})

describe('a Redis that hangs', () => {
  it('gets a bounded number of commands, none of which stays', async () => {
    const redis = await RedisConnection.open(await hungRedis(), { logger: silentLogger })
    onTestFinished(() => redis.close())
    expect(redis.ready).toBe(true)
    const ask = (): Promise<unknown> =>
      codeOf(redis.run('replay', 'claim', (client) => client.get('key')))
    const waiting = Array.from({ length: 1024 }, ask)
    expect(redis.pending).toBe(1024)
    expect(await ask()).toBe('QUEUE_FULL')
    expect(redis.pending).toBe(1024)
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['TIMEOUT']))
    await expect.poll(() => redis.pending).toBe(0)
  })

  it('costs a request the time of one command, however many it has', async () => {
    const redis = await RedisConnection.open(await hungRedis(), { logger: silentLogger })
    onTestFinished(() => redis.close())
    const wait = new WaitBudget(20)
    const ask = (): Promise<unknown> =>
      codeOf(redis.run('replay', 'claim', (client) => client.get('key'), wait))
    expect(await ask()).toBe('TIMEOUT')
    expect(redis.pending).toBe(1)
    expect(wait.exhausted).toBe(true)
    expect(await ask()).toBe('TIMEOUT')
    // The second was not sent.
    expect(redis.pending).toBe(1)
  })

  it('is a GatewayError where its URL is none', async () => {
    await expect(
      RedisConnection.open('redis+canary://a', { logger: silentLogger }),
    ).rejects.toMatchObject({
      code: 'ERR_REDIS_URL',
      message: expect.not.stringContaining('canary'),
    })
  })
})
