import { SecurityError, openEnvelope, type KeyRing } from '@nomyo/crypto'
import { answerVouch } from '@nomyo/crypto/wire-2'
import { fastifyRateLimit } from '@fastify/rate-limit'
import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance } from 'fastify'
import { clientNetwork } from '../../access/rate/client-network.js'
import { cannotBeOpened } from '../../completion/chat-request.js'
import type { LoadShedder } from '../../completion/load/load-shedder.js'
import { readBody, sizeOfBody } from '../../completion/read-body.js'
import { HttpError } from '../../http-error.js'
import type { RequestKeys } from '../../request-keys/request-keys.js'
import { current } from './key-statement.js'

/** A question is an envelope of about 2 KiB. */
const MAX_BYTES = 8 * 1024
/** Per address, or per /64 of IPv6. Clients ask when they first meet an identity key. */
const REQUESTS_PER_MINUTE = 60
/** Number of addresses counted; the least recently active one is dropped first. */
const MAX_ADDRESSES = 5000
/** Questions that are decrypted or wait for it: strangers ask them, and completions wait in the same queue. */
const MAX_WAITING = 4
const RETRY_AFTER_S = 2

/** Keys that vouch, and the queue in which they do. */
export interface VouchContext {
  readonly serverKeys: KeyRing
  readonly requestKeys: RequestKeys
  readonly loadShedder: LoadShedder
}

/**
 * Adds `POST /pki/wire2/vouch`: an RSA key shows that it stands behind the key statement, to clients that know
 * the RSA key and not the identity key. Requires no API key, like the statement, and costs one decryption.
 */
export function vouchRoute(
  server: FastifyInstance,
  { serverKeys, requestKeys, loadShedder }: VouchContext,
): void {
  let waiting = 0
  void server.register(async (scope) => {
    await scope.register(fastifyRateLimit, {
      max: REQUESTS_PER_MINUTE,
      timeWindow: 60_000,
      cache: MAX_ADDRESSES,
      errorResponseBuilder: () => new HttpError(429, 'Too many questions to the server key'),
    })
    scope.post('/pki/wire2/vouch', async (request, reply) => {
      const body = await readBody(request.raw, sizeOfBody(request.raw, MAX_BYTES))
      if (waiting >= MAX_WAITING) {
        throw new HttpError(503, 'Too many are waiting for the server key', RETRY_AFTER_S)
      }
      waiting++
      try {
        const { statement } = await current(requestKeys)
        const question = await loadShedder.decrypt(
          `address ${clientNetwork(request.ip)}`,
          () => open(body, serverKeys),
          disconnectSignal(reply.raw),
        )
        const answer = await answerTo(question, statement)
        if (answer === undefined) {
          const detail = 'The key statement has changed: get it again'
          throw new HttpError(409, detail, undefined, 'statement_changed')
        }
        void reply.header('cache-control', 'no-store')
        return await reply.type('application/json').send(Buffer.from(answer))
      } finally {
        waiting--
      }
    })
  })
}

/** Decrypts a question. Every failure has the same answer. */
async function open(body: Uint8Array, serverKeys: KeyRing): Promise<Uint8Array> {
  try {
    return (await openEnvelope(body, serverKeys, { maxBytes: MAX_BYTES })).plaintext
  } catch (error) {
    if (error instanceof SecurityError) throw cannotBeOpened()
    throw error
  }
}

async function answerTo(
  question: Uint8Array,
  statement: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    return await answerVouch(question, statement)
  } catch (error) {
    if (error instanceof SecurityError) throw cannotBeOpened()
    throw error
  } finally {
    question.fill(0)
  }
}
