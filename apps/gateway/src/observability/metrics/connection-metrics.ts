import type { Socket } from 'node:net'
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { Counter, Gauge, type Registry } from 'prom-client'

/**
 * Reason for closing a connection: too many of all callers or of one address, bytes that are not HTTP,
 * headers that are too large, a request that arrives too slowly, an answer that is read too slowly, too
 * many requests at once on one connection, or a failed handshake of TLS.
 */
const DROP_CAUSES = [
  'limit',
  'address_limit',
  'malformed',
  'headers_too_large',
  'request_timeout',
  'slow_reader',
  'pipelining',
  'tls',
] as const

export type DropCause = (typeof DROP_CAUSES)[number]

/** Metrics of the connections of a server. */
export class ConnectionMetrics {
  readonly #open: Gauge
  readonly #dropped: Counter<'cause'>

  constructor(registry: Registry) {
    this.#open = new Gauge({
      name: 'nomyo_connections',
      help: 'Open connections of callers.',
      registers: [registry],
    })
    this.#dropped = new Counter({
      name: 'nomyo_connections_dropped_total',
      help: 'Connections that the gateway closed or refused, by cause.',
      labelNames: ['cause'],
      registers: [registry],
    })
    for (const cause of DROP_CAUSES) this.#dropped.inc({ cause }, 0)
  }

  /** Counts the connections of a server, and those that Node refuses. */
  watch(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#open.inc()
      socket.once('close', () => {
        this.#open.dec()
      })
    })
    server.on('drop', () => {
      this.countDropped('limit')
    })
    // Node reports every further error of a connection that is being closed.
    const counted = new WeakSet<Duplex>()
    server.on('clientError', ({ code = '' }: Error & { code?: string }, socket: Duplex) => {
      const cause = causeOf(code)
      if (cause === undefined || counted.has(socket)) return
      counted.add(socket)
      this.countDropped(cause)
    })
    server.on('tlsClientError', () => {
      this.countDropped('tls')
    })
  }

  countDropped(cause: DropCause): void {
    this.#dropped.inc({ cause })
  }
}

/** Returns undefined for a connection that the caller broke: it is not dropped. */
function causeOf(code: string): DropCause | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout'
  return /^(?:HPE|ERR_HTTP)_/.test(code) ? 'malformed' : undefined
}
