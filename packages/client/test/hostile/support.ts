import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyPem } from '@nomyo-internal/testing/vectors'
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '@nomyo/testkit'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import {
  SecureChatCompletion,
  type ChatCompletion,
  type ChatCompletionRequest,
  type SecureChatCompletionOptions,
} from '../../src/index.js'
import { testKey } from '../support.js'

/** A gateway for the time of one test, whose key need not be made first. */
export async function newGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ serverKey: await testKey('server'), ...options })
  onTestFinished(() => gateway.close())
  return gateway
}

let keyDir: string
beforeAll(async () => {
  keyDir = await mkdtemp(join(tmpdir(), 'nomyo-hostile-'))
  const mode = 0o600
  await writeFile(join(keyDir, 'private_key.pem'), keyPem('keys/client.private.pem'), { mode })
})
afterAll(() => rm(keyDir, { recursive: true }))

/** A client for the time of one test, whose key need not be made first either. */
export function newClient(
  gateway: { readonly url: string },
  options: SecureChatCompletionOptions = {},
): SecureChatCompletion {
  const client = new SecureChatCompletion({
    baseUrl: gateway.url,
    allowHttp: true,
    logger: { warn: () => undefined },
    keyDir,
    maxRetries: 0,
    timeout: 20_000,
    ...options,
  })
  onTestFinished(() => {
    client.dispose()
  })
  return client
}

export const hello: ChatCompletionRequest = {
  model: 'nomyo/echo',
  messages: [{ role: 'user', content: 'Hello!' }],
}

export const saidBy = (completion: ChatCompletion): string | null =>
  completion.choices[0].message.content

/** What a promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: unknown) => error,
  )
}

/** What some work takes, the memory at its highest included. */
export interface Cost {
  readonly durationMs: number
  readonly rssGrowthMiB: number
}

/** Runs some work and watches the memory of the process meanwhile. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const before = process.memoryUsage.rss()
  let highest = before
  const look = (): void => {
    highest = Math.max(highest, process.memoryUsage.rss())
  }
  const watch = setInterval(look, 5)
  const start = performance.now()
  try {
    await work()
    look()
  } finally {
    clearInterval(watch)
  }
  return {
    durationMs: performance.now() - start,
    rssGrowthMiB: (highest - before) / 2 ** 20,
  }
}
