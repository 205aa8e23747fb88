import type { KeyRing } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'
import { matchesTag } from '../etag.js'

/**
 * Adds `GET /pki/public_key`: the key that requests are encrypted to, as PEM. Caches may store it and
 * must revalidate each time: that costs little, and an outdated key would cost a failed request.
 */
export function publicKeyRoute(server: FastifyInstance, serverKeys: KeyRing): void {
  server.get('/pki/public_key', (request, reply) => {
    const { fingerprint, pem } = serverKeys.current.publicKey
    const etag = `"${fingerprint}"`
    void reply.header('etag', etag).header('cache-control', 'no-cache')
    if (matchesTag(etag, request.headers['if-none-match'])) return reply.code(304).send()
    return reply.type('text/plain; charset=utf-8').send(pem)
  })
}
