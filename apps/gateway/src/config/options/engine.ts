import type { GatewayConfig } from '../config.js'
import type { HealthCheckConfig } from '../../upstreams/pool.js'
import type { UpstreamConfig } from '../../upstreams/upstream.js'
import { isUpstreamUrl } from '../../upstreams/upstream-url.js'
import { UsageError } from './usage-error.js'

/** What is said of model servers. */
export interface UpstreamOptions {
  readonly urls: readonly string[]
  readonly apiKey: string | undefined
  readonly caFile: string | undefined
  /** What is asked when there are no {@link UpstreamOptions.urls}. */
  readonly fromFile: readonly UpstreamConfig[] | undefined
  readonly health: HealthCheckConfig
}

/**
 * What answers, by `--engine`, `--upstream` and the upstreams of a config file.
 *
 * @throws UsageError
 */
export function readEngine(
  engine: string | undefined,
  { urls, apiKey, caFile, fromFile, health }: UpstreamOptions,
): GatewayConfig['engine'] {
  const named = urls.length > 0 ? undefined : fromFile
  const kind = engine ?? (urls.length === 0 && named === undefined ? undefined : 'openai')
  if (kind === undefined) {
    throw new UsageError(
      'give --upstream URL for a model server, or --engine demo to try without one.',
    )
  }
  if (kind === 'demo') {
    if (urls.length > 0 || named !== undefined)
      throw new UsageError('--engine demo asks no server; leave --upstream out.')
    return { kind }
  }
  if (kind !== 'openai') throw new UsageError('--engine must be openai or demo.')
  if (named !== undefined) {
    if (apiKey !== undefined) {
      throw new UsageError(
        '--upstream-key is for --upstream; upstreams of a file have apiKey each.',
      )
    }
    if (caFile !== undefined) {
      throw new UsageError('--upstream-ca is for --upstream; upstreams of a file have caFile each.')
    }
    return { kind: 'upstreams', upstreams: named, health }
  }
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new UsageError('--upstream-key must be visible ASCII characters, without blanks.')
  }
  const [baseUrl, ...more] = urls.map(parseUpstreamUrl)
  if (baseUrl === undefined) throw new UsageError('--engine openai needs --upstream URL.')
  if (caFile !== undefined && ![baseUrl, ...more].some((url) => url.startsWith('https:'))) {
    throw new UsageError('--upstream-ca is for an --upstream of https://; this one has no TLS.')
  }
  if (more.length === 0) return { kind, baseUrl, apiKey, caFile }
  const upstreams = [baseUrl, ...more].map((url, at) => ({
    name: `upstream-${String(at + 1)}`,
    url,
    apiKey,
    caFile,
  }))
  return { kind: 'upstreams', upstreams, health }
}

function parseUpstreamUrl(text: string): string {
  if (isUpstreamUrl(text)) return new URL(text).href
  throw new UsageError('--upstream must be a URL such as http://127.0.0.1:11434/v1.')
}
