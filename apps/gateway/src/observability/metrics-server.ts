import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostInUrl } from '@nomyo-internal/http-server'
import type { Metrics } from './metrics.js'

/** Listener of the metrics. */
export interface MetricsServer {
  /** Such as `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  close(): void
}

/**
 * Serves `GET /metrics` on a listener of its own, so that callers of the gateway cannot read them.
 *
 * @throws system errors for the address
 */
export async function startMetricsServer(
  metrics: Metrics,
  { host, port }: { host: string; port: number },
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    void metrics.registry.metrics().then((text) => {
      response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text)
    })
  })
  server.listen(port, host)
  await once(server, 'listening')
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
