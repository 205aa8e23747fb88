import type { AddressInfo } from 'node:net'
import { isIP } from 'node:net'
import { ownNames } from './access/browsers.js'
import { createCheckToken } from './access/token.js'
import type { ProxyConfig } from './config.js'
import { readApiKey, readToken } from './files.js'
import type { Log } from './log.js'
import { isWildcard } from './options/names.js'
import { createServer } from './server.js'
import type { Trust } from './trust.js'
import { openUpstream } from './upstream.js'

/** A proxy that listens. */
export interface Proxy {
  /** Where it listens. */
  readonly url: string
  /** What callers on this machine use as base URL. */
  readonly baseUrl: string
  /** What callers need; undefined where they need nothing. */
  readonly token: string | undefined
  readonly hasApiKey: boolean
  readonly trust: Trust
  /** Finishes requests in flight. */
  close(): Promise<void>
}

/**
 * Starts a proxy: looks at the gateway first, then listens.
 *
 * @throws FileError, and what {@link openUpstream} throws
 */
export async function startProxy(config: ProxyConfig, log: Log): Promise<Proxy> {
  const token = await readToken(config.token, log)
  const apiKey = await readApiKey(config.apiKey, log)
  const upstream = await openUpstream(config, apiKey, log)
  // Known once it listens, before the first request.
  let names: ReadonlySet<string> = new Set()
  const server = createServer({
    upstream,
    gateway: config.gateway.url,
    checkToken: createCheckToken(token),
    isOwnName: (host) => names.has(host),
    allowedOrigins: config.allowedOrigins,
    maxConcurrency: config.maxConcurrency,
    log,
  })
  const close = async (): Promise<void> => {
    await server.close()
    await upstream.close()
  }
  try {
    await server.listen({ host: config.host, port: config.port })
  } catch (error) {
    await close()
    throw error
  }
  const { port } = server.server.address() as AddressInfo
  const own = hostInUrl(config.host)
  names = ownNames(port, [...(isWildcard(config.host) ? [] : [own]), ...config.allowedHosts])
  return {
    url: `http://${own}:${String(port)}`,
    baseUrl: `http://${isWildcard(config.host) ? '127.0.0.1' : own}:${String(port)}/v1`,
    token,
    hasApiKey: apiKey !== undefined,
    trust: upstream.trust,
    close,
  }
}

const hostInUrl = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host).toLowerCase()
