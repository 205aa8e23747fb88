import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { whenOver } from './when-over.js'

/**
 * Makes a server that closes end with its last answer. By itself Node waits for connections that have
 * not said anything yet, and keeps those alive that were busy when closing began.
 */
export function endWhenAnswered(server: FastifyInstance): void {
  let underWay = 0
  let closing = false
  const endIfIdle = (): void => {
    if (closing && underWay === 0) server.server.closeAllConnections()
  }
  server.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    underWay++
    whenOver(request, response, () => {
      underWay--
      // Not in the middle of writing the end of this one.
      setImmediate(endIfIdle)
    })
  })
  server.addHook('preClose', (done) => {
    closing = true
    endIfIdle()
    done()
  })
}
