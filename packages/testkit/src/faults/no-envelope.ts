import { sendBytes, sendJson } from '../gateway/send.js'
import { completionFault, httpFault, type CompletionFault, type HttpFault } from './fault.js'

/**
 * Sends the right completion, not encrypted.
 *
 * A correct client throws `SecurityError` with `ERR_ENVELOPE_INVALID`: it never accepts plaintext.
 */
export function plaintext(): CompletionFault {
  return completionFault('plaintext', async ({ response, completion }) => {
    sendJson(response, await completion())
  })
}

/**
 * Sends a web page with status 200, like captive portals and misconfigured proxies.
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
 * Responds with status 200 and no body.
 *
 * A correct client acts as for {@link html}.
 */
export function empty(): HttpFault {
  return httpFault('empty', ({ response }) => {
    sendBytes(response, new Uint8Array())
  })
}

/**
 * Sends a JSON number instead of an object.
 *
 * A correct client acts as for {@link html}.
 */
export function scalar(): HttpFault {
  return httpFault('scalar', ({ response }) => {
    sendJson(response, 7)
  })
}
