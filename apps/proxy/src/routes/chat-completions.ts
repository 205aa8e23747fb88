import { disconnectSignal, onResponseClosed } from '@nomyo-internal/http-server'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import { Refusal } from '../openai-error.js'
import type { Upstream } from '../upstream/upstream.js'

const PATH = '/v1/chat/completions'
/** A completion ends at a time that cannot be predicted. */
const RETRY_AFTER_S = '1'

/** `POST /v1/chat/completions`: takes OpenAI's request, and encrypts it to the gateway. */
export function chatCompletionsRoute(
  server: FastifyInstance,
  requireToken: onRequestHookHandler,
  upstream: Upstream,
  maxConcurrency: number,
): void {
  let inFlight = 0
  const limitConcurrency: onRequestHookHandler = (_request, { raw }, done) => {
    if (inFlight >= maxConcurrency) {
      done(tooMany())
      return
    }
    inFlight++
    onResponseClosed(raw, () => inFlight--)
    done()
  }
  // Both come before the body is read, so that refused requests take no memory.
  server.post(PATH, { onRequest: [requireToken, limitConcurrency] }, async (request, reply) => {
    const tier = request.headers['x-security-tier']
    return upstream.fetch(`http://localhost${PATH}`, {
      method: 'POST',
      // No other header: the caller's token is for this proxy only.
      headers: typeof tier === 'string' ? { 'x-security-tier': tier } : {},
      body: request.body instanceof Uint8Array ? new Uint8Array(request.body) : null,
      signal: disconnectSignal(reply.raw),
    })
  })
}

const tooMany = (): Refusal =>
  new Refusal(
    429,
    'ERR_TOO_MANY_REQUESTS',
    'As many completions as --max-concurrency allows are in flight.',
    { 'retry-after': RETRY_AFTER_S },
  )
