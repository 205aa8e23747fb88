import { parseRateLimit, type RateLimit } from '../../access/rate-limit.js'
import type { Environment } from './flag.js'
import type { FlagValues } from './parse-flags.js'
import { UsageError } from './usage-error.js'
import { listOf } from './values.js'

export function readApiKeys(
  given: FlagValues[string],
  environment: Environment,
): readonly string[] {
  const keys = listOf(given, environment['NOMYO_API_KEY'])
  // An empty or unsendable key would look like protection and be none, or lock everybody out.
  if (keys.every((key) => /^[\x21-\x7e]+$/.test(key))) return keys
  throw new UsageError('--api-key must be visible ASCII characters, without blanks.')
}

export function readCorsOrigins(
  given: FlagValues[string],
  environment: Environment,
): readonly string[] {
  const origins = listOf(given, environment['NOMYO_CORS_ORIGIN']).map((text) =>
    parseOrigin(text.trim()),
  )
  if (origins.includes('*') && origins.length > 1) {
    throw new UsageError('--cors-origin * allows every origin; leave the others out.')
  }
  return origins
}

/** An origin as browsers send it: host in lower case, no default port. */
function parseOrigin(text: string): string {
  const wrong = (why: string): UsageError => new UsageError(`--cors-origin ${why}`)
  if (text === '*') return text
  if (text.includes('*')) {
    throw wrong('takes no patterns: name each origin, or give * alone for every one.')
  }
  if (text === 'null') {
    throw wrong('null is what any sandboxed page sends; give the page an origin of its own.')
  }
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
    throw wrong('needs a scheme and a host, such as https://app.example.')
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.host === '') {
    throw wrong('must be scheme://host or scheme://host:port; give it once for each origin.')
  }
  const origin = `${url.protocol}//${url.host}`
  if (/[@/?#]/.test(text.slice(text.indexOf('://') + 3))) {
    throw wrong(`must end after host and port, as browsers send it: ${origin}`)
  }
  return origin
}

export function readRateLimit(rate: string, burst: string | undefined): RateLimit | undefined {
  if (rate === 'off') {
    if (burst === undefined) return undefined
    throw new UsageError('--rate-burst needs a --rate-limit that is not off.')
  }
  const limit = parseRateLimit(rate, burst)
  if (limit !== undefined) return limit
  throw new UsageError(
    '--rate-limit must be such as 2/s, up to 10000/s, or off; --rate-burst a number, not less.',
  )
}
