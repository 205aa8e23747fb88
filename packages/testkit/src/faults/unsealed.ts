import { sendBytes, sendJson } from '../send.js'
import { completionFault, httpFault, type CompletionFault, type HttpFault } from './fault.js'

/**
 * The right completion, not sealed at all.
 *
 * A correct client throws `SecurityError` with `ERR_ENVELOPE_INVALID`: it never takes plaintext.
 */
export function plaintext(): CompletionFault {
  return completionFault('plaintext', async ({ response, completion }) => {
    sendJson(response, await completion())
  })
}

/**
 * A web page with status 200, as captive portals and misled proxies send it.
 *
 * A correct client throws `SecurityError`: `ERR_ENVELOPE_INVALID`, of a key fetch `ERR_KEY_INVALID`.
 */
export function html(): HttpFault {
  const page = '<!doctype html><title>Sign in</title><p>Please sign in to this network.</p>'
  return httpFault('html', ({ response }) => {
    sendBytes(response, new TextEncoder().encode(page), { type: 'text/html; charset=utf-8' })
  })
}

/**
 * Status 200 and no body.
 *
 * A correct client acts as for {@link html}.
 */
export function empty(): HttpFault {
  return httpFault('empty', ({ response }) => {
    sendBytes(response, new Uint8Array())
  })
}

/**
 * A number as JSON, where an object belongs.
 *
 * A correct client acts as for {@link html}.
 */
export function scalar(): HttpFault {
  return httpFault('scalar', ({ response }) => {
    sendJson(response, 7)
  })
}
