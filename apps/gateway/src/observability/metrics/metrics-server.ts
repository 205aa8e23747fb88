import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errnoCode } from '@nomyo-internal/diagnostics'
import {
  describeListenError,
  hostInUrl,
  isForeignName,
  isWildcard,
  limitPipelining,
  nameInHost,
} from '@nomyo-internal/http-server'
import { GatewayError } from '../../errors.js'
import type { Metrics } from './metrics.js'

/** Listener of the metrics. */
export interface MetricsServer {
  /** Such as `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  close(): void
}

/** Scrapers use one connection each. */
const MAX_CONNECTIONS = 64
const FOREIGN_NAME =
  'The Host header names another server: use an address, or set --metrics-host to this name.\n'
/** Time for a request to arrive, and for its answer to be read. */
const TIMEOUT_MS = 10_000

/**
 * Serves `GET /metrics` on a listener of its own, so that callers of the gateway cannot read them.
 *
 * Requests for a foreign name are refused: a web page whose name was made to resolve to this machine must
 * not read them. On every address (`0.0.0.0`) the machine may have any name, and none is refused.
 *
 * @throws GatewayError `ERR_METRICS_ADDRESS`, or another system error
 */
export async function startMetricsServer(
  metrics: Metrics,
  { host, port }: { host: string; port: number },
): Promise<MetricsServer> {
  const isForeign = (name: string | undefined): boolean =>
    !isWildcard(host) && isForeignName(name) && nameInHost(name ?? '') !== host.toLowerCase()
  const limits = { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS }
  const server = createServer(limits, (request, response) => {
    const timer = setTimeout(() => request.socket.destroy(), TIMEOUT_MS)
    response.once('close', () => {
      clearTimeout(timer)
    })
    if (isForeign(request.headers.host)) {
      response.writeHead(403, { connection: 'close' }).end(FOREIGN_NAME)
      return
    }
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    metrics.registry.metrics().then(
      (text) => {
        response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text)
      },
      () => {
        response.writeHead(500).end()
      },
    )
  })
  // Node would wait without a limit for a caller that does not read its refusal.
  server.on('checkExpectation', ({ socket }: IncomingMessage) => {
    socket.destroy()
  })
  limitPipelining(server, { max: 2 })
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port, host)
  await once(server, 'listening').catch(throwListenError)
  metrics.watchProcess()
  const { address, port: boundPort } = server.address() as AddressInfo
  return {
    url: `http://${hostInUrl(address)}:${String(boundPort)}/metrics`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** The flags of the other listener would mislead. */
function throwListenError(error: unknown): never {
  const flags = { host: '--metrics-host', port: '--metrics-port' }
  const text = describeListenError(errnoCode(error), flags)
  throw text === undefined ? error : new GatewayError('ERR_METRICS_ADDRESS', text)
}
