import type { Dispatcher } from 'undici'
import type { HttpSendResponse, HttpSendRequest } from '../http-send.js'
import { compressedError, uncompressed } from './compression.js'

/** An HttpSend by what undici's other calls stand on: no stream is made of the body. */
export function dispatchSend(
  dispatcher: () => Dispatcher,
  url: string,
  { method, headers, body, signal }: HttpSendRequest,
): Promise<HttpSendResponse> {
  return new Promise((resolve, reject) => {
    const { origin, pathname, search } = new URL(url)
    let connection: Dispatcher.DispatchController | undefined
    let isOver = false
    let takePart: (part: Uint8Array) => void
    let end: () => void
    let fail: typeof reject
    // Until the end of the body. What goes wrong before its beginning is told as well.
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
    dispatcher().dispatch(
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
          // What informs comes before the answer.
          if (status < 200) return
          // Until somebody reads.
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
        onResponseData: (_, part) => {
          takePart(part)
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
