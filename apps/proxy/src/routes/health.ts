import type { FastifyInstance } from 'fastify'
import type { Trust } from '../upstream/trust.js'

/** `GET /health`: returns the trust in the gateway, with 503 while the gateway is not trusted. */
export function healthRoute(server: FastifyInstance, gateway: string, trust: Trust): void {
  server.get('/health', (_request, reply) => {
    const { fingerprint, attestation, problem } = trust
    return reply
      .code(problem === undefined ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({ status: problem ?? 'ok', gateway, fingerprint, attestation })
  })
}
