import type { Dispatcher } from 'undici'
import type { HttpSendResponse, HttpSendRequest } from '../http/http-send.js'
import type { RequestUpload, TakePart } from '../transport.js'
import { compressedError, uncompressed } from './compression.js'

/** A response of {@link dispatchSend}. */
export interface DispatchedResponse extends HttpSendResponse {
  /** All headers, by their lower-case names. */
  readonly fields: Readonly<Record<string, string | string[] | undefined>>
}

type Headers = HttpSendRequest['headers']

/** Without a length, HTTP sends a body in chunks. */
const withLength = (headers: Headers, { byteLength }: RequestUpload): Headers =>
  byteLength === undefined ? headers : { ...headers, 'content-length': String(byteLength) }

/** Sends a request with undici's lowest-level call: no stream of the body is created. */
export function dispatchSend(
  dispatcher: Dispatcher,
  url: string,
  { method, headers, body, upload, signal }: HttpSendRequest,
): Promise<DispatchedResponse> {
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
    const goOn = (): void => {
      if (!isOver) connection?.resume()
    }
    signal.addEventListener('abort', drop)
    reading.catch(reject)
    dispatcher.dispatch(
      {
        origin,
        path: pathname + search,
        method,
        headers: uncompressed(upload ? withLength(headers, upload) : headers),
        // Undici takes any async iterable; its types name streams of Node only.
        body: upload ? (upload.parts as unknown as Uint8Array) : (body ?? null),
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
            fields,
            header(name) {
              const value = fields[name]
              return Array.isArray(value) ? value.join(', ') : value
            },
            read(take) {
              takePart = take
              goOn()
              return reading
            },
            cancel: drop,
          })
          const error = compressedError(fields)
          if (error !== undefined) controller.abort(error)
        },
        onResponseData: (controller, part) => {
          // undici has an empty part with every resumption: pausing for it would never end.
          if (part.length === 0) return
          const taking = takePart(part)
          if (!(taking instanceof Promise)) return
          // The server waits, too, once the buffers of the connection are full.
          controller.pause()
          taking.then(goOn, (error: unknown) => {
            controller.abort(error as Error)
          })
        },
        onResponseEnd() {
          finish()
          // Undici takes the connection back in the next turn: a request that follows at once would open
          // another one.
          setImmediate(setImmediate, end)
        },
        onResponseError(_, error) {
          finish()
          fail(error)
        },
      },
    )
  })
}
