import { SecurityError, openEnvelope, type KeyRing } from '@nomyo/crypto'
import { answerVouch } from '@nomyo/crypto/wire-2'
import { disconnectSignal } from '@nomyo-internal/http-server'
import type { FastifyInstance } from 'fastify'
import { addressId } from '../../access/access-control.js'
import { cannotBeOpened } from '../../completion/request/json-request.js'
import type { LoadShedder } from '../../completion/load/load-shedder.js'
import { readBody, sizeOfBody } from '../../completion/read-body.js'
import { HttpError } from '../../http-error.js'
import type { RequestKeys } from '../../request-keys/request-keys.js'
import { costlyRoutes } from '../costly-routes.js'
import { current } from './key-statement.js'

/** A question is an envelope of about 2 KiB. */
const MAX_BYTES = 8 * 1024
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
  costlyRoutes(server, 'the server key', (scope, bounded) => {
    scope.post('/pki/wire2/vouch', async (request, reply) => {
      const body = await readBody(request.raw, sizeOfBody(request.raw, MAX_BYTES))
      return bounded(async () => {
        const { statement } = await current(requestKeys)
        const question = await loadShedder.decrypt(
          1,
          addressId(request.ip),
          () => open(body, serverKeys),
          disconnectSignal(reply.raw),
        )
        const answer = await answerTo(question, statement)
        if (answer === undefined) {
          const detail = 'The key statement has changed: get it again'
          throw new HttpError(409, detail, undefined, 'statement_changed')
        }
        void reply.header('cache-control', 'no-store')
        return reply.type('application/json').send(Buffer.from(answer))
      })
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
