import type { Dispatcher } from 'undici'
import type { HttpSendResponse, HttpSendRequest } from '../http/http-send.js'
import type { TakePart } from '../transport.js'
import { compressedError, uncompressed } from './compression.js'

/** Sends a request with undici's lowest-level call: no stream of the body is created. */
export function dispatchSend(
  dispatcher: Dispatcher,
  url: string,
  { method, headers, body, signal }: HttpSendRequest,
): Promise<HttpSendResponse> {
  return new Promise((resolve, reject) => {
    const { origin, pathname, search } = new URL(url)
    let connection: Dispatcher.DispatchController | undefined
    let isOver = false
    let takePart: TakePart
    let end: () => void
    let fail: typeof reject
    // Settles at the end of the body; also rejects for a fault before its beginning.
    const reading = new Promise<void>((...settle) => ([end, fail] = settle))
    const drop = (): void => {
      connection?.abort(signal.reason as Error)
      fail(signal.reason)
    }
    const finish = (): void => {
      isOver = true
      signal.removeEventListener('abort', drop)
    }
    signal.addEventListener('abort', drop)
    reading.catch(reject)
    dispatcher.dispatch(
      {
        origin,
        path: pathname + search,
        method,
        headers: uncompressed(headers),
        body: body ?? null,
      },
      {
        onRequestStart(controller) {
          connection = controller
          if (signal.aborted) drop()
        },
        onResponseStart(controller, status, fields) {
          // Informational responses precede the final one.
          if (status < 200) return
          // Until `read` is called.
          controller.pause()
          resolve({
            status,
            header(name) {
              const value = fields[name]
              return Array.isArray(value) ? value.join(', ') : value
            },
            read(take) {
              takePart = take
              if (!isOver) controller.resume()
              return reading
            },
            cancel: drop,
          })
          const error = compressedError(fields)
          if (error !== undefined) controller.abort(error)
        },
        onResponseData: (controller, part) => {
          const taking = takePart(part)
          if (!(taking instanceof Promise)) return
          // The server waits, too, once the buffers of the connection are full.
          controller.pause()
          taking.then(
            () => {
              controller.resume()
            },
            (error: unknown) => {
              controller.abort(error as Error)
            },
          )
        },
        onResponseEnd() {
          finish()
          end()
        },
        onResponseError(_, error) {
          finish()
          fail(error)
        },
      },
    )
  })
}
