import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { onResponseClosed } from './response/on-response-closed.js'
import { PacedBody } from './response/paced-body.js'

/**
 * Closes the connections of a server that shuts down: idle ones at once, busy ones after their last
 * response. Node alone waits for connections that have sent nothing yet, and keeps those alive that
 * were busy when the shutdown began.
 */
export function closeConnectionsOnShutdown(server: FastifyInstance): void {
  const inFlight = new Map<Socket, number>()
  let closing = false
  const count = (socket: Socket, change: number): void => {
    const requests = inFlight.get(socket)
    if (requests === undefined) return
    inFlight.set(socket, requests + change)
    // Not `end`: a caller that keeps its side open would delay the shutdown for ever.
    if (closing && requests + change === 0) socket.destroySoon()
  }
  // With TLS, requests arrive on the socket that exists after the handshake.
  const event = server.server instanceof TlsServer ? 'secureConnection' : 'connection'
  server.server.on(event, (socket: Socket) => {
    if (closing) {
      socket.destroy()
      return
    }
    inFlight.set(socket, 0)
    socket.once('close', () => inFlight.delete(socket))
  })
  server.server.on('request', ({ socket }, response: ServerResponse) => {
    count(socket, 1)
    response.once('close', () => {
      count(socket, -1)
    })
  })
  server.addHook('preClose', (done) => {
    closing = true
    for (const [socket, requests] of inFlight) if (requests === 0) socket.destroy()
    done()
  })
}

/** Limit for the readers of responses. */
export interface SlowReaderOptions {
  /** Returns the time to read a response that is sent now, in milliseconds. */
  readonly timeoutMs: () => number
  /** Called for each connection that is closed. */
  readonly onClosed?: () => void
}

/**
 * Closes connections whose caller takes longer than this to read a response. Node alone waits without
 * a limit, with the response in memory and the request in flight.
 */
export function closeSlowReaders(
  server: FastifyInstance,
  { timeoutMs, onClosed = () => undefined }: SlowReaderOptions,
): void {
  const watched = new WeakSet<ServerResponse>()
  const watch = (response: ServerResponse): void => {
    if (watched.has(response)) return
    watched.add(response)
    let timer: NodeJS.Timeout | undefined
    const start = (): void => {
      timer = setTimeout(() => {
        response.destroy()
        onClosed()
      }, timeoutMs())
    }
    // A pipelined response waits for those before it without a socket, and its time starts after them.
    if (response.socket === null) response.once('socket', start)
    else start()
    onResponseClosed(response, () => {
      clearTimeout(timer)
    })
  }
  // From the first byte on: a body may be a stream.
  server.addHook('onSend', (_request, { raw }, payload, done) => {
    if (payload instanceof PacedBody) {
      payload.onComplete(() => {
        watch(raw)
      })
    } else watch(raw)
    done()
  })
  // No hook runs for some responses of the framework. Before its listener, which may respond at once.
  server.server.prependListener('request', (_request, response: ServerResponse) => {
    response.once('prefinish', () => {
      watch(response)
    })
  })
}

/**
 * Closes a server. Connections of requests that are still in flight after the time for them are closed,
 * so that no caller and no model delays the end for ever.
 */
export async function closeWithin(server: FastifyInstance, timeoutMs: number): Promise<void> {
  const timer = setTimeout(() => {
    server.server.closeAllConnections()
  }, timeoutMs)
  try {
    await server.close()
  } finally {
    clearTimeout(timer)
  }
}

/** Limit for the requests of one connection. */
export interface PipeliningOptions {
  /** Largest number of requests in progress on one connection. Default 8: hardly any client sends two. */
  readonly max?: number
  /** Called for each connection that is closed. */
  readonly onClosed?: () => void
}

const DEFAULT_MAX = 8

/**
 * Closes connections with more requests in progress than this. Node alone reads 64 KiB of requests, some
 * thousand, and has all of them handled before anything else runs.
 *
 * Must come after the listeners for requests are added: it replaces them by one that calls them.
 */
export function limitPipelining(
  server: Server,
  { max = DEFAULT_MAX, onClosed = () => undefined }: PipeliningOptions = {},
): void {
  const inProgress = new WeakMap<Socket, number>()
  const admits = (socket: Socket, response: ServerResponse): boolean => {
    // What was received with the request that exceeded the limit still arrives here.
    if (socket.destroyed) return false
    const count = (inProgress.get(socket) ?? 0) + 1
    if (count > max) {
      socket.destroy()
      onClosed()
      return false
    }
    inProgress.set(socket, count)
    response.once('close', () => {
      inProgress.set(socket, (inProgress.get(socket) ?? 0) - 1)
    })
    return true
  }
  for (const event of ['request', 'checkExpectation']) {
    const listeners = server.listeners(event)
    if (listeners.length === 0) continue
    server.removeAllListeners(event)
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      if (!admits(request.socket, response)) return
      for (const listener of listeners) Reflect.apply(listener, server, [request, response])
    })
  }
}
