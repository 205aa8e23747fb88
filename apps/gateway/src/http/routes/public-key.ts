import type { KeyRing } from '@nomyo/crypto'
import type { FastifyInstance } from 'fastify'

/**
 * `GET /pki/public_key`: the key to seal requests for, as PEM. Caches may keep it and must ask each
 * time whether it still is the one: that costs little, and a stale key would cost a failed request.
 */
export function publicKeyRoute(server: FastifyInstance, serverKeys: KeyRing): void {
  server.get('/pki/public_key', (request, reply) => {
    const { fingerprint, pem } = serverKeys.current.publicKey
    const etag = `"${fingerprint}"`
    void reply.header('etag', etag).header('cache-control', 'no-cache')
    if (isNamed(etag, request.headers['if-none-match'])) return reply.code(304).send()
    return reply.type('text/plain; charset=utf-8').send(pem)
  })
}

/** RFC 9110, 13.1.2: a list of tags or `*`, compared weakly. */
function isNamed(etag: string, ifNoneMatch: string | undefined): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}
