import { completionOf, type ModelRequest, type ModelServer } from '@nomyo-internal/testing'
import { onTestFinished } from 'vitest'
import type { SecurityTier } from '../src/access/policy/tier-policy.js'
import type { Completion } from '../src/upstreams/engine.js'
import type { HealthCheckConfig } from '../src/upstreams/pool/health.js'
import { UpstreamPool, type PoolOptions } from '../src/upstreams/pool/pool.js'
import type { UpstreamConfig } from '../src/upstreams/pool/upstream.js'
import { chatRequestOf, engineContext } from './in-process.js'
import { testModelServer } from './support.js'

/** A completion whose text is the name of its server. */
export const completionBy = (name: string): string => completionOf({ content: name })

/** A model server that tells completions from checks, and says who it is. */
export interface NamedServer extends ModelServer {
  readonly name: string
  readonly completions: () => readonly ModelRequest[]
  /** Answers completions; health checks always succeed. */
  onCompletion: ModelServer['answer']
}

export async function modelServer(name: string): Promise<NamedServer> {
  const upstream = await testModelServer()
  const server: NamedServer = Object.assign(upstream, {
    name,
    completions: () => upstream.seen.filter(({ url }) => url === '/v1/chat/completions'),
    onCompletion: (response: Parameters<ModelServer['answer']>[0]) =>
      void response.end(completionBy(name)),
  })
  upstream.answer = (response, seen) => {
    if (seen.url === '/v1/models') response.end('{"data":[]}')
    else server.onCompletion(response, seen)
  }
  return server
}

export function testPool(
  upstreams: readonly (Omit<UpstreamConfig, 'name'> & { name?: string })[],
  health?: HealthCheckConfig,
  options?: PoolOptions,
): UpstreamPool {
  const made = new UpstreamPool(
    {
      upstreams: upstreams.map((upstream, at) => ({ name: `upstream-${at}`, ...upstream })),
      health,
    },
    options,
  )
  onTestFinished(() => made.close())
  return made
}

/** Sends a request for this model to a pool. */
export const requestOf = async (
  asked: UpstreamPool,
  model = 'm',
  { tier = 'standard', signal = new AbortController().signal }: Asking = {},
): Promise<Completion> => {
  const request = await chatRequestOf({ model, messages: [{ role: 'user', content: 'Hi' }] })
  return asked.complete(request, signal, engineContext({ tier }))
}

interface Asking {
  readonly tier?: SecurityTier
  readonly signal?: AbortSignal
}

/** The server that an answer is from. */
export const nameIn = (answer: unknown): string =>
  (answer as { choices: [{ message: { content: string } }] }).choices[0].message.content

export interface Outcome {
  readonly by?: string
  readonly status?: number
}

/** The upstream that answered, or the status of the refusal. */
export async function ask(
  asked: UpstreamPool,
  model = 'm',
  tier: SecurityTier = 'standard',
): Promise<Outcome> {
  return requestOf(asked, model, { tier }).then(
    ({ answer }) => ({ by: nameIn(answer.parse()) }),
    (error: unknown) => ({ status: (error as { statusCode: number }).statusCode }),
  )
}
