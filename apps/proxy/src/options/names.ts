import { isIP } from 'node:net'
import { UsageError } from './usage-error.js'

/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** Whether an address stands for all the machine has. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/**
 * A name of `--allow-host` as it stands in a Host header, with a port or without.
 *
 * @throws UsageError
 */
export function parseHostName(text: string): string {
  if (/^(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(text)) {
    return text.toLowerCase()
  }
  throw new UsageError('--allow-host must be a name or name:port, without a scheme or patterns.')
}

/**
 * An origin as browsers send it: scheme, host in lower case, no default port, nothing behind.
 *
 * @throws UsageError
 */
export function parseOrigin(text: string): string {
  const url =
    /^[a-z][a-z\d+.-]*:\/\/[^/@?#*]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && url.host !== '') return `${url.protocol}//${url.host}`
  throw new UsageError(
    '--allow-origin must be scheme://host or scheme://host:port of one origin; null and patterns name none.',
  )
}
