import type { IncomingMessage, Server } from 'node:http'
import { SocketAddress, isIP } from 'node:net'

/**
 * Rewrites `X-Forwarded-For` to plain addresses before anything reads it. Proxies also write ports,
 * brackets, quotes and zones; each caller must have one spelling only, in the log and for its limits.
 *
 * An entry that is no address ends the list: it and those before it, which its sender made up, are
 * dropped. The address is then that of the sender itself, so that no entry gives a caller a fresh limit.
 */
export function normalizeForwardedFor(server: Server): void {
  // Before the listener of the framework, which was added when the server was created.
  server.prependListener('request', ({ headers }: IncomingMessage) => {
    const given = headers['x-forwarded-for']
    if (given === undefined) return
    const entries = String(given).split(',').map(addressIn)
    const addresses = entries.slice(entries.lastIndexOf(undefined) + 1)
    headers['x-forwarded-for'] = addresses.join(', ')
  })
}

/** Returns the canonical address of an entry such as `192.0.2.1:443`, `"[2001:DB8::1]:443"`. */
function addressIn(entry: string): string | undefined {
  const text = entry.trim().replace(/^"(.*)"$/, '$1')
  const [, bracketed, withPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(text) ?? []
  const address = (bracketed ?? withPort ?? text).trim()
  const version = isIP(address)
  if (version === 0) return undefined
  return new SocketAddress({ address, family: version === 4 ? 'ipv4' : 'ipv6' }).address
}
