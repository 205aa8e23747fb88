import { isIP } from 'node:net'

/** Checks whether a host, as in a URL or in `--host`, can only be this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|\[?::1\]?)$/i.test(host) || (isIP(host) === 4 && host.startsWith('127.'))
}

/** Checks whether an address to listen on stands for every address of the machine. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** Formats a name or address as the host of a URL. */
export const hostInUrl = (host: string): string =>
  (isIP(host) === 6 ? `[${host}]` : host).toLowerCase()
