import { setTimeout as sleep } from 'node:timers/promises'
import { checkNumber, checkOptions, httpFault, type HttpFault } from './fault.js'
import { streamBytes } from './stream-bytes.js'

/**
 * Resets the connection after the request has arrived.
 *
 * A correct client retries, encrypted anew, and ends in `APIConnectionError` with `ERR_NETWORK`.
 */
export function reset(): HttpFault {
  return httpFault('reset', ({ response }) => {
    response.socket?.resetAndDestroy()
  })
}

/**
 * Receives the request and never responds.
 *
 * A correct client gives up at its deadline: `APIConnectionError` with `ERR_TIMEOUT`.
 */
export function hang(): HttpFault {
  return httpFault('hang', () => undefined)
}

/**
 * Sends the right body, slowly.
 *
 * A correct client waits for it if its deadline allows, which covers the body too; otherwise as for
 * {@link hang}.
 */
export function slowBody(options: { bytesPerSecond: number }): HttpFault {
  const { bytesPerSecond } = checkOptions(options)
  checkNumber('bytesPerSecond', bytesPerSecond, 0.01)
  const portion = Math.max(1, Math.round(bytesPerSecond / 20))
  return httpFault('slowBody', async ({ response, normalBody }) => {
    const body = await normalBody()
    response.writeHead(200, { 'content-length': String(body.length) })
    response.flushHeaders()
    await streamBytes(response, slices(body, portion, (portion / bytesPerSecond) * 1000))
  })
}

/**
 * Sends the first half of the right body, then ends the connection.
 *
 * A correct client uses nothing of it and retries: `APIConnectionError` with `ERR_NETWORK`.
 */
export function truncated(): HttpFault {
  return httpFault('truncated', async ({ response, normalBody }) => {
    const body = await normalBody()
    response.writeHead(200, { 'content-length': String(body.length) })
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => {
      response.destroy()
    })
  })
}

async function* slices(
  body: Uint8Array,
  portion: number,
  pauseMs: number,
): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < body.length; start += portion) {
    // The client may be gone by then: the timer must not keep the process alive.
    await sleep(pauseMs, undefined, { ref: false })
    yield body.subarray(start, start + portion)
  }
}
