import type { FastifyInstance } from 'fastify'
import type { Trust } from '../trust.js'

/**
 * `GET /health`: whether the last request could be sent, and what is known of the gateway. 503 when
 * keys or the machine were not as they must be.
 */
export function healthRoute(server: FastifyInstance, gateway: string, trust: Trust): void {
  server.get('/health', (_request, reply) => {
    const { fingerprint, attestation, problem } = trust
    return reply
      .code(problem === undefined ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: problem ?? 'ok', gateway, fingerprint, attestation })
  })
}
