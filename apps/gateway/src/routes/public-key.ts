import type { KeyRing } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'

/** `GET /pki/public_key`: the key to seal requests for, as PEM. */
export function publicKeyRoute(server: FastifyInstance, serverKeys: KeyRing): void {
  server.get('/pki/public_key', (_request, reply) =>
    reply
      .header('cache-control', 'no-cache')
      .type('text/plain; charset=utf-8')
      .send(serverKeys.current.publicKey.pem),
  )
}
