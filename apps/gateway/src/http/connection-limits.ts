import type { Server, Socket } from 'node:net'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import { ArrivalLimit } from '@nomyo-internal/http-server'
import { clientNetwork } from '../access/rate/client-network.js'
import type { LoadConfig } from '../config/config.js'

type Limits = Pick<
  LoadConfig,
  'maxConnections' | 'maxConnectionsPerAddress' | 'requestTimeoutMs' | 'uploadTimeoutMs'
>

export const MAX_CONNECTIONS = 4096
/** Time for a slow caller to send a request, and to read the answer. */
const REQUEST_TIMEOUT_MS = 120_000
const HEADERS_TIMEOUT_MS = 20_000
const UPLOAD_TIMEOUT_MS = 900_000
/** Node's own limit comes behind that of the request, which the caller is told. */
const UPLOAD_MARGIN_MS = 5000

/** Limits of connections, which can change while a server listens. */
export class ConnectionLimits {
  #limits: Limits
  readonly #arrival = new ArrivalLimit()
  #allowsUploads = false

  constructor(limits: Limits = {}) {
    this.#limits = limits
  }

  get requestTimeoutMs(): number {
    return this.#limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
  }

  get uploadTimeoutMs(): number {
    return Math.max(this.requestTimeoutMs, this.#limits.uploadTimeoutMs ?? UPLOAD_TIMEOUT_MS)
  }

  get headersTimeoutMs(): number {
    return Math.min(HEADERS_TIMEOUT_MS, this.requestTimeoutMs)
  }

  /** Applies the limits to a server, and new ones to connections and requests from now on. */
  apply(server: HttpServer, limits: Limits = this.#limits): void {
    this.#limits = limits
    server.maxConnections = this.#max
    server.requestTimeout = this.#allowsUploads
      ? this.uploadTimeoutMs + UPLOAD_MARGIN_MS
      : this.requestTimeoutMs
    server.headersTimeout = this.headersTimeoutMs
  }

  /**
   * Lets some requests take longer to arrive than all others.
   *
   * @returns the function that leaves the time of such a request to its reader
   */
  allowUploads(server: HttpServer): (request: IncomingMessage) => void {
    this.#allowsUploads = true
    this.apply(server)
    this.#arrival.watch(server, () => this.requestTimeoutMs)
    return (request) => {
      this.#arrival.release(request)
    }
  }

  /**
   * Limits the connections of an address (IPv6: a /64) and closes further ones silently, so that one
   * client cannot use up all connections.
   *
   * @param isExempt - addresses without a limit. Default: none
   * @param onDropped - called for each connection that is closed
   */
  limitAddresses(
    server: Server,
    {
      isExempt = () => false,
      onDropped,
    }: {
      readonly isExempt?: (address: string | undefined) => boolean
      readonly onDropped: () => void
    },
  ): void {
    const counts = new Map<string, number>()
    server.on('connection', (socket: Socket) => {
      if (isExempt(socket.remoteAddress)) return
      const network = clientNetwork(socket.remoteAddress)
      const count = counts.get(network) ?? 0
      if (count >= this.#maxPerAddress) {
        socket.destroy()
        onDropped()
        return
      }
      counts.set(network, count + 1)
      socket.once('close', () => {
        const left = (counts.get(network) ?? 0) - 1
        if (left > 0) counts.set(network, left)
        else counts.delete(network)
      })
    })
  }

  get #max(): number {
    return this.#limits.maxConnections ?? MAX_CONNECTIONS
  }

  get #maxPerAddress(): number {
    return this.#limits.maxConnectionsPerAddress ?? Math.ceil(this.#max / 2)
  }
}
