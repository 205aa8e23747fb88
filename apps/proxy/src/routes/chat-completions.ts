import type { FastifyInstance } from 'fastify'
import type { CheckToken } from '../access/token.js'
import { Refusal } from '../openai-error.js'
import type { Upstream } from '../upstream.js'
import { whenOver } from '../when-over.js'
import { hangUpSignal } from './hang-up-signal.js'

const PATH = '/v1/chat/completions'
/** A place becomes free when an answer is there: sooner is guessing. */
const RETRY_AFTER_S = '1'

/** `POST /v1/chat/completions`: OpenAI's request in, sealed behind here, OpenAI's answer out. */
export function chatCompletionsRoute(
  server: FastifyInstance,
  checkToken: CheckToken,
  upstream: Upstream,
  maxConcurrency: number,
): void {
  let busy = 0
  server.post(
    PATH,
    {
      // Before the body is read: nobody without a token, or too many, fill the memory.
      onRequest: (request, { raw }, done) => {
        const refusal = checkToken(request.headers.authorization)
        if (refusal !== undefined || busy >= maxConcurrency) {
          done(refusal ?? tooMany())
          return
        }
        busy++
        whenOver(request.raw, raw, () => busy--)
        done()
      },
    },
    async (request, reply) => {
      const signal = hangUpSignal(reply)
      const tier = request.headers['x-security-tier']
      try {
        const response = await upstream.fetch(`http://localhost${PATH}`, {
          method: 'POST',
          // No other header: the caller's token is for here, and for nobody else.
          headers: typeof tier === 'string' ? { 'x-security-tier': tier } : {},
          body: request.body instanceof Uint8Array ? new Uint8Array(request.body) : null,
          signal,
        })
        return await reply.send(response)
      } catch (error) {
        if (!signal.aborted) throw error
        // There is nobody left to answer.
        return reply.hijack()
      }
    },
  )
}

const tooMany = (): Refusal =>
  new Refusal(
    429,
    'ERR_TOO_MANY_REQUESTS',
    'As many completions as --max-concurrency allows are under way.',
    { 'retry-after': RETRY_AFTER_S },
  )
