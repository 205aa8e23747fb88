import type { IncomingMessage, Server } from 'node:http'

/**
 * Limits the time in which the bodies of requests arrive, and refuses late ones as Node does. Node's own limit
 * is the same for all requests of a server: with this one, it can be longer for some.
 */
export class ArrivalLimit {
  readonly #timers = new WeakMap<IncomingMessage, NodeJS.Timeout>()

  /**
   * Watches the requests of a server.
   *
   * @param timeoutMs - returns the limit of a request that begins now
   */
  watch(server: Server, timeoutMs: () => number): void {
    server.on('request', (request: IncomingMessage) => {
      if (!hasBody(request)) return
      const timer = setTimeout(() => {
        if (request.complete || request.destroyed) return
        const error = Object.assign(new Error('Request timeout'), {
          code: 'ERR_HTTP_REQUEST_TIMEOUT',
        })
        server.emit('clientError', error, request.socket)
      }, timeoutMs()).unref()
      this.#timers.set(request, timer)
      const end = (): void => {
        clearTimeout(timer)
      }
      request.once('end', end).once('close', end)
    })
  }

  /** Leaves the time of a request to its reader. */
  release(request: IncomingMessage): void {
    clearTimeout(this.#timers.get(request))
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
