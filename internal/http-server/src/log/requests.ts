import { isIP } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { onResponseClosed } from '../response/on-response-closed.js'

/** One finished request, without anything that its caller made up. */
export interface RequestRecord {
  readonly method: string
  /** Pattern of the route; null for a path without one. */
  readonly route: string | null
  /** Null when the caller disconnected before the response was written. */
  readonly status: number | null
  readonly durationMs: number
  /** Address of the caller; a trusted proxy may name it. */
  readonly address?: string
}

/** Reports every request once, when its response is closed. */
export function logRequests(
  server: FastifyInstance,
  log: (record: RequestRecord, request: FastifyRequest, reply: FastifyReply) => void,
): void {
  server.addHook('onRequest', (request, reply, done) => {
    const startedAt = performance.now()
    const { raw } = reply
    // A closed connection has no address.
    const address = request.ip
    // Not `onResponse`: a caller that disconnects causes none.
    onResponseClosed(raw, () => {
      const record = {
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: raw.writableFinished ? raw.statusCode : null,
        durationMs: Math.round(performance.now() - startedAt),
        ...(isIP(address) === 0 ? {} : { address }),
      }
      log(record, request, reply)
    })
    done()
  })
}
