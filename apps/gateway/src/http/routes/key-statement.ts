import { randomInt } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GATEWAY_PATH, MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'
import type { PublishedKeys, RequestKeys } from '../../request-keys/request-keys.js'
import { matchesTag } from '../etag.js'

const MAX_AGE_S = 300
/** Spreads the requests of caches and clients after the keys change; the previous keys are valid for longer. */
const JITTER_S = 30
const RETRY_AFTER_S = 5

/**
 * Adds `GET /pki/wire2`, the statement of the keys of wire 2, and `GET /.well-known/ohttp-gateway`, its key
 * list alone for other clients (RFC 9540). Both have the same bytes for all callers and need no API key.
 */
export function keyStatementRoutes(server: FastifyInstance, requestKeys: RequestKeys): void {
  server.get('/pki/wire2', async (request, reply) => {
    const published = await current(requestKeys)
    return send(request, reply, published, 'application/json', published.document)
  })
  server.get(GATEWAY_PATH, async (request, reply) => {
    // Requests for the list are told from others by this header alone; the one of an origin may be named already.
    void reply.header('vary', [reply.getHeader('vary') ?? [], 'accept'].flat().join(', '))
    if (!accepts(request.headers.accept, MEDIA_TYPES.keyList)) {
      throw new HttpError(406, `The key list is ${MEDIA_TYPES.keyList}: send it as Accept`)
    }
    const published = await current(requestKeys)
    return send(request, reply, published, MEDIA_TYPES.keyList, published.keyList)
  })
}

/** Returns the statement in force, after an attempt to renew it where a suspended process missed its time. */
export async function current(requestKeys: RequestKeys): Promise<PublishedKeys> {
  const known = requestKeys.published()
  if (known !== undefined) return known
  await requestKeys.refresh()
  const renewed = requestKeys.published()
  if (renewed !== undefined) return renewed
  // No 404: that would say that wire 2 does not exist here.
  throw new HttpError(503, 'There are no valid request keys at the moment', RETRY_AFTER_S)
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { sha256, renewedAt }: PublishedKeys,
  type: string,
  body: Uint8Array,
): FastifyReply {
  const etag = `"${sha256}"`
  void reply.header('etag', etag).header('cache-control', `public, max-age=${maxAge(renewedAt)}`)
  if (matchesTag(etag, request.headers['if-none-match'])) return reply.code(304).send()
  return reply.type(type).send(Buffer.from(body))
}

function maxAge(renewedAt: number): number {
  const remaining = Math.ceil(renewedAt - Date.now() / 1000) + randomInt(JITTER_S)
  return Math.max(1, Math.min(MAX_AGE_S, remaining))
}

/** Checks for a media type by its name: a wildcard asks for nothing of this kind. */
function accepts(accept: string | undefined, type: string): boolean {
  return (accept ?? '').split(',').some((range) => {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    return name === type && !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter))
  })
}
