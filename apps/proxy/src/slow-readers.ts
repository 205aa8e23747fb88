import type { FastifyInstance } from 'fastify'
import { whenOver } from './when-over.js'

/**
 * Ends connections whose caller takes longer than this to take an answer. Node itself waits for ever,
 * with the answer in memory and the request under way.
 */
export function hangUpOnSlowReaders(server: FastifyInstance, timeoutMs: number): void {
  server.addHook('onSend', (request, { raw }, _payload, done) => {
    const timer = setTimeout(() => raw.destroy(), timeoutMs)
    whenOver(request.raw, raw, () => {
      clearTimeout(timer)
    })
    done()
  })
}
