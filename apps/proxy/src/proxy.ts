import type { AddressInfo } from 'node:net'
import { closeWithin, hostInUrl, isWildcard, listenHost } from '@nomyo-internal/http-server'
import { ownHosts } from './access/browser-guard.js'
import { readApiKey, readToken } from './access/secret-files.js'
import type { ProxyConfig } from './config/config.js'
import type { Log } from './log.js'
import { createServer } from './server.js'
import type { Trust } from './upstream/trust.js'
import { connectUpstream } from './upstream/upstream.js'

/** A proxy that listens. */
export interface Proxy {
  /** Address that it listens on. */
  readonly url: string
  /** Base URL for programs on this machine. */
  readonly baseUrl: string
  /** Token of callers; undefined where they need none. */
  readonly token: string | undefined
  readonly hasApiKey: boolean
  readonly trust: Trust
  /** Finishes requests in flight. */
  close(): Promise<void>
}

/**
 * Creates a proxy that checks the gateway first, then listens.
 *
 * @throws FileError, and what {@link connectUpstream} throws
 */
export async function createProxy(config: ProxyConfig, log: Log): Promise<Proxy> {
  const token = await readToken(config, log)
  const apiKey = await readApiKey(config, log)
  const upstream = await connectUpstream(config, apiKey, log)
  // Known once it listens, before the first request.
  let hosts: ReadonlySet<string> = new Set()
  const isOwnHost = (host: string): boolean => hosts.has(host)
  const server = createServer(config, { upstream, token, isOwnHost, log })
  const close = async (): Promise<void> => {
    await closeWithin(server, config.drainTimeout)
    await upstream.close()
  }
  try {
    await server.listen({ host: listenHost(config.host), port: config.port })
  } catch (error) {
    await close()
    throw error
  }
  const { port } = server.server.address() as AddressInfo
  const own = hostInUrl(config.host)
  const everywhere = isWildcard(config.host)
  hosts = ownHosts(port, [...(everywhere ? [] : [own]), ...config.allowHost])
  return {
    url: `http://${own}:${port}`,
    baseUrl: `http://${everywhere ? '127.0.0.1' : own}:${port}/v1`,
    token,
    hasApiKey: apiKey !== undefined,
    trust: upstream.trust,
    close,
  }
}
