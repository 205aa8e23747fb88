import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { onTestFinished } from 'vitest'
import { SecureChatCompletion } from '@nomyo/client'
import {
  freePort,
  makeKeyDir,
  startGatewayProcess,
  startRedis,
  type GatewayProcess,
  type RedisOptions,
  type RedisServer,
} from '@nomyo-internal/testing'
import { COMPLETIONS, logEntries } from '../support.js'

/** Two gateways with one key folder and one Redis, each on a port it keeps. */
export interface Replicas {
  readonly ports: readonly [number, number]
  readonly redis: RedisServer
  readonly keyDir: string
  /** The gateways that run now. */
  readonly gateways: readonly [GatewayProcess, GatewayProcess]
  /** Sealed requests answered with this status, by each: also by those that ran before. */
  served(status: number): [number, number]
  /** Payload ids that a gateway answered with 200, as often as it did. */
  answered(): string[]
  /** Ends one and waits for its end; `start` starts it again. */
  end(which: 0 | 1, signal: NodeJS.Signals): Promise<void>
  start(which: 0 | 1): Promise<void>
}

/** Starts two gateways for the time of one test. */
export async function testReplicas(
  args: readonly string[],
  redisOptions?: RedisOptions,
): Promise<Replicas> {
  const redis = await startRedis(redisOptions)
  const keyDir = makeKeyDir({ 'private_key.pem': 'server' })
  const ports = [await freePort(), await freePort()] as const
  const launch = (which: 0 | 1): Promise<GatewayProcess> =>
    startGatewayProcess({
      keyDir,
      args: ['--redis', redis.url, '--trust-proxy=127.0.0.0/8', ...args, `--port=${ports[which]}`],
    })
  const gateways = await Promise.all([launch(0), launch(1)])
  const past: [string, string] = ['', '']
  onTestFinished(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    await redis.stop()
    await rm(keyDir, { recursive: true, force: true })
  })
  const lines = (which: 0 | 1): LogLine[] => completionLines(past[which] + gateways[which].stderr())
  return {
    ports,
    redis,
    keyDir,
    gateways,
    served: (status) => {
      const count = (which: 0 | 1): number =>
        lines(which).filter((line) => line.status === status).length
      return [count(0), count(1)]
    },
    answered: () =>
      [...lines(0), ...lines(1)]
        .filter(({ status }) => status === 200)
        .map(({ payloadId }) => payloadId),
    end: async (which, signal) => {
      gateways[which].kill(signal)
      await gateways[which].ended
    },
    start: async (which) => {
      past[which] += gateways[which].stderr()
      gateways[which] = await launch(which)
    },
  }
}

/** Log entry of a sealed request. */
export interface LogLine {
  readonly route: string
  readonly status: number
  readonly payloadId: string
  readonly address: string
}

export const completionLines = (log: string): LogLine[] =>
  logEntries<LogLine>(log).filter(({ route }) => route === COMPLETIONS)

/** One sealed request as it left the client, and what came of it. */
export interface Sent {
  readonly payloadId: string
  /** Of the envelope. */
  readonly digest: string
  readonly body: Uint8Array
  /** 0 where the connection failed. */
  status: number
}

/** Where the client's requests pass by and are written down. */
export interface Tap {
  readonly fetch: typeof fetch
  readonly sent: Sent[]
}

export function tap(through: typeof fetch): Tap {
  const sent: Sent[] = []
  const tapped = async (...[url, init]: Parameters<typeof fetch>): Promise<Response> => {
    if (init?.method !== 'POST') return through(url, init)
    const body = new Uint8Array(init.body as Uint8Array)
    const one: Sent = {
      payloadId: new Headers(init.headers).get('x-payload-id') ?? '',
      digest: createHash('sha256').update(body).digest('hex'),
      body,
      status: 0,
    }
    sent.push(one)
    const response = await through(url, init)
    one.status = response.status
    return response
  }
  return { fetch: tapped, sent }
}

/** Outcome of a load. */
export interface Load {
  readonly done: () => number
  /** The failures, of all requests once every one has come to its end. */
  readonly ended: Promise<unknown[]>
}

/**
 * Asks so many questions with the real client, some at a time, each with a text of its own.
 *
 * @param until - asks on until this is so
 */
export async function startLoad(
  url: string,
  through: typeof fetch,
  options: { requests: number; atATime: number; maxRetries: number; until?: () => boolean },
): Promise<Load> {
  // A key that is there already: making one takes seconds.
  const keyDir = makeKeyDir({ 'private_key.pem': 'client' })
  const client = new SecureChatCompletion({
    baseUrl: url,
    allowHttp: true,
    fetch: through,
    keyDir,
    maxRetries: options.maxRetries,
    logger: { warn: () => undefined },
  })
  onTestFinished(async () => {
    client.dispose()
    await rm(keyDir, { recursive: true, force: true })
  })
  const failures: unknown[] = []
  let asked = 0
  let done = 0
  const { requests, until = () => true } = options
  const ask = async (): Promise<void> => {
    while (asked < requests || !until()) {
      const content = `question ${asked++}`
      try {
        await client.create({ model: 'm', messages: [{ role: 'user', content }] })
      } catch (error) {
        failures.push(error)
      }
      done++
    }
  }
  const ended = Promise.all(Array.from({ length: options.atATime }, ask)).then(() => failures)
  return { done: () => done, ended }
}
