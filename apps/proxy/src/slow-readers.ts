import type { FastifyInstance } from 'fastify'
import { whenOver } from './when-over.js'

/**
 * Ends connections whose caller takes longer than this to take an answer. Node itself waits for ever,
 * with the answer in memory and the request under way.
 */
export function hangUpOnSlowReaders(server: FastifyInstance, timeoutMs: number): void {
  server.addHook('onSend', (request, { raw }, _payload, done) => {
    let timer: NodeJS.Timeout | undefined
    const start = (): void => {
      timer = setTimeout(() => raw.destroy(), timeoutMs)
    }
    // One that waits for its turn (pipelining) has no socket yet: that is not its caller's slowness.
    if (raw.socket === null) raw.once('socket', start)
    else start()
    whenOver(request.raw, raw, () => {
      clearTimeout(timer)
    })
    done()
  })
}
