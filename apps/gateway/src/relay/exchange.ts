import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { errnoCode } from '@nomyo-internal/diagnostics'
import { MEDIA_TYPES } from '@nomyo/crypto/wire-2'
import { request as httpRequest, type Dispatcher } from 'undici'
import { HttpError } from '../http-error.js'
import type { BoundedTime } from './bounded-time.js'

/** More than any client reads of an answer. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024
/** Fields of answers that clients act on. */
const PASSED_BACK = ['content-type', 'retry-after'] as const
const MAX_FIELD_LENGTH = 200

/** Answer of the gateway, as it is passed back. */
export interface RelayedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable
}

/** The gateway, and what is the same in every request to it. */
export interface RelayTarget {
  readonly url: string
  readonly dispatcher: Dispatcher
  /** Name of this relay in `CDN-Loop` (RFC 8586). */
  readonly loopName: string
  readonly maxBodyBytes: number
}

/**
 * Sends the body of a request to the gateway as it arrives, and returns the answer when its head arrives. No
 * field of the caller is passed on: the body is all that the gateway gets, with its length where it is known.
 *
 * @throws HttpError 413, 502, 504
 */
export async function exchange(
  request: IncomingMessage,
  { url, dispatcher, loopName, maxBodyBytes }: RelayTarget,
  time: BoundedTime,
  signal: AbortSignal,
): Promise<RelayedAnswer> {
  const length = request.headers['content-length']
  const tooLarge = new HttpError(413, 'The request body is too large')
  try {
    const { statusCode, headers, body } = await httpRequest(url, {
      method: 'POST',
      dispatcher,
      signal,
      headers: {
        'content-type': MEDIA_TYPES.request,
        incremental: '?1',
        'cdn-loop': loopName,
        ...(length === undefined ? {} : { 'content-length': length }),
      },
      body: Readable.from(
        // A refusal still has to reach the caller, on the same connection.
        time.watch(request.iterator({ destroyOnReturn: false }), maxBodyBytes, () => tooLarge),
        { objectMode: false },
      ),
    })
    // Neither a redirect nor a compressed body makes sense without the fields that say so.
    const isUsable = statusCode === 200 || (statusCode >= 400 && statusCode < 600)
    if (!isUsable || (headers['content-encoding'] ?? 'identity') !== 'identity') {
      body.destroy()
      throw new HttpError(502, 'The answer of the gateway cannot be relayed')
    }
    const passed = PASSED_BACK.flatMap((name) => {
      const value = headers[name]
      return typeof value === 'string' && value.length <= MAX_FIELD_LENGTH ? [[name, value]] : []
    })
    const answered = time.watch(body, MAX_ANSWER_BYTES, () => new Error('The answer is too large'))
    return {
      status: statusCode,
      headers: Object.fromEntries(passed) as Record<string, string>,
      body: Readable.from(answered, { objectMode: false }),
    }
  } catch (error) {
    if (error instanceof HttpError) throw error
    if (signal.aborted) throw new HttpError(504, 'The gateway took too long to answer')
    const code = errnoCode(error)
    throw code === 'UND_ERR_CONNECT_TIMEOUT'
      ? new HttpError(504, 'The gateway took too long to answer')
      : new HttpError(502, 'The gateway cannot be reached')
  }
}
