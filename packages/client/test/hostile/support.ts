import { startTestGateway, type TestGateway, type TestGatewayOptions } from '@nomyo/testkit'
import { onTestFinished } from 'vitest'
import type {
  ChatCompletion,
  ChatCompletionRequest,
  SecureChatCompletion,
  SecureChatCompletionOptions,
} from '../../src/index.js'
import { newClient as baseClient, testKey } from '../support.js'

/** Starts a gateway for one test, with a server key of the vectors. */
export async function newGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({ serverKey: await testKey('server'), ...options })
  onTestFinished(() => gateway.close())
  return gateway
}

/** Creates a client for one test that does not retry. */
export const newClient = (
  gateway: { readonly url: string },
  options: SecureChatCompletionOptions = {},
): SecureChatCompletion => baseClient(gateway, { maxRetries: 0, timeout: 60_000, ...options })

/** Starts a gateway and a client of it that does not retry, for one test. */
export async function connect(
  options: SecureChatCompletionOptions = {},
): Promise<{ gateway: TestGateway; client: SecureChatCompletion }> {
  const gateway = await newGateway()
  return { gateway, client: newClient(gateway, options) }
}

export const hello: ChatCompletionRequest = {
  model: 'nomyo/echo',
  messages: [{ role: 'user', content: 'Hello!' }],
}

export const contentOf = (completion: ChatCompletion): string | null =>
  completion.choices[0].message.content

/** Returns the reason of a rejected promise. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: unknown) => error,
  )
}

/** Duration and peak memory of some work. */
export interface Cost {
  readonly durationMs: number
  readonly rssGrowthMiB: number
}

/** Runs some work and samples the memory of the process. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const before = process.memoryUsage.rss()
  let highest = before
  const sample = (): void => {
    highest = Math.max(highest, process.memoryUsage.rss())
  }
  const watch = setInterval(sample, 5)
  const start = performance.now()
  try {
    await work()
    sample()
  } finally {
    clearInterval(watch)
  }
  return {
    durationMs: performance.now() - start,
    rssGrowthMiB: (highest - before) / 2 ** 20,
  }
}
