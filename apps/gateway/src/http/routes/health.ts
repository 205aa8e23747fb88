import type { FastifyInstance } from 'fastify'

/** `GET /health`: the process runs and answers. Says nothing about the model server. */
export function healthRoute(server: FastifyInstance): void {
  server.get('/health', () => ({ status: 'ok' }))
}
