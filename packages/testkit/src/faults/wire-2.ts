import { PROBLEM_TYPES } from '@nomyo/crypto/wire-2'
import { sendBytes, sendJson } from '../gateway/send.js'
import {
  checkNumber,
  checkOptions,
  sealedFault,
  statementFault,
  type SealedFault,
  type StatementFault,
} from './fault.js'

/**
 * Sends the key statement with the signature of a stranger under the identity of the gateway.
 *
 * A correct client throws `SecurityError` with `ERR_STATEMENT_INVALID`, and encrypts nothing: over wire 1
 * neither.
 */
export function forgedStatement(): StatementFault {
  return statementFault('forgedStatement', async ({ response, content, sign }) => {
    sendStatement(response, await sign(content, 'forger'))
  })
}

/**
 * Sends a well-signed key statement of another identity.
 *
 * A client that pins or knows the identity refuses it and encrypts nothing: `ERR_KEY_MISMATCH`, or
 * `ERR_SERVER_KEY_CHANGED`.
 */
export function otherIdentity(): StatementFault {
  return statementFault('otherIdentity', async ({ response, content, sign }) => {
    sendStatement(response, await sign(content, 'other'))
  })
}

/**
 * Sends a genuine key statement that expired an hour ago.
 *
 * A correct client throws `SecurityError` with `ERR_STATEMENT_EXPIRED`, and encrypts nothing.
 */
export function expiredStatement(): StatementFault {
  return statementFault('expiredStatement', async ({ response, content, sign }) => {
    const now = Math.floor(Date.now() / 1000)
    const expired = { ...content, notBefore: now - 3 * 3600, notAfter: now - 3600 }
    sendStatement(response, await sign(expired))
  })
}

/**
 * Sends the right answer in whole chunks without the mark of its end, then ends the response normally, as a
 * path that cuts answers does.
 *
 * A correct client uses nothing of it: `APIConnectionError` with `ERR_TRUNCATED`.
 */
export function withoutEnd(): SealedFault {
  return sealedFault('withoutEnd', async ({ response, normalResponse, seal }) => {
    const pieces = await seal(await normalResponse(), { final: false })
    sendBytes(response, Buffer.concat(pieces))
  })
}

/**
 * Sends the right answer with one bit of its last chunk flipped.
 *
 * A correct client throws `SecurityError` with `ERR_DECRYPTION_FAILED`, and does not retry.
 */
export function altered(): SealedFault {
  return sealedFault('altered', async ({ response, normalBody }) => {
    const body = (await normalBody()).slice()
    const last = body.length - 1
    body[last] = (body[last] ?? 0) ^ 1
    sendBytes(response, body)
  })
}

/**
 * Responds with any status and a body of `{"detail": detail}`, encrypted: the word of the gateway itself,
 * not of the path to it.
 *
 * A correct client throws the class for it, with `authenticated: true`.
 */
export function sealedStatus(code: number, detail: unknown = 'refused'): SealedFault {
  checkNumber('the status', code, 200, 599)
  return sealedFault('sealedStatus', async ({ response, seal }) => {
    sendBytes(response, Buffer.concat(await seal({ status: code, content: { detail } })))
  })
}

/**
 * Responds as a gateway that does not have the request key any more.
 *
 * A correct client fetches the key statement again, and sends the request once more only if the statement
 * has changed; it never falls back to wire 1.
 */
export function unknownRequestKey(): SealedFault {
  return sealedFault('unknownRequestKey', ({ response }) => {
    const problem = { type: PROBLEM_TYPES.key, title: 'key configuration not usable' }
    sendJson(response, problem, { status: 400, type: 'application/problem+json' })
  })
}

/**
 * Responds as a gateway whose clock differs from that of the client, with its own time.
 *
 * A correct client sends the request once more, with the time of the gateway as `date`; see
 * `sealedHeaders` of the requests.
 */
export function otherClock(options: { seconds?: number } = {}): SealedFault {
  const { seconds = 3600 } = checkOptions(options)
  checkNumber('seconds', seconds, -1e9, 1e9)
  return sealedFault('otherClock', async ({ response, seal }) => {
    const pieces = await seal({
      status: 400,
      type: 'application/problem+json',
      fields: { date: new Date(Date.now() + seconds * 1000).toUTCString() },
      content: { type: PROBLEM_TYPES.date, title: 'date not acceptable' },
    })
    sendBytes(response, Buffer.concat(pieces))
  })
}

function sendStatement(response: Parameters<typeof sendBytes>[0], document: Uint8Array): void {
  sendBytes(response, document, { type: 'application/json' })
}
