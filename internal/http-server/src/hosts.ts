import { isIP } from 'node:net'

/** Checks whether a host, as in a URL or in `--host`, can only be this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|\[?::1\]?)$/i.test(host) || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Checks whether an address to listen on stands for every address of the machine. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/**
 * Address to listen on for a host. For `localhost`, the framework would create a second server for `::1`,
 * to which neither limits of connections nor listeners of events apply.
 */
export const listenHost = (host: string): string =>
  host.toLowerCase() === 'localhost' ? '127.0.0.1' : host

/** Formats a name or address as the host of a URL. */
export const hostInUrl = (host: string): string =>
  (isIP(host) === 6 ? `[${host}]` : host).toLowerCase()

/** Returns the name or address in a `Host` header, without its port; an empty text if it is malformed. */
export const nameInHost = (header: string): string =>
  /^(\[[\da-f:.]+\]|[^:[\]\s]+)(?::\d{1,5})?$/i.exec(header)?.[1]?.toLowerCase() ?? ''

/**
 * Checks for a `Host` header with a name that a stranger can register, and make resolve to this machine. Not
 * so are addresses, names without a dot, and names that are reserved for private use, such as
 * `host.docker.internal`.
 */
export function isForeignName(header: string | undefined): boolean {
  // No browser omits the header.
  if (header === undefined) return false
  const name = nameInHost(header)
  const isAddress = isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0
  return !isAddress && !/^[^.,@]+$|[^.]\.(?:localhost|internal)$/.test(name)
}
