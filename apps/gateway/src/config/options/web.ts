import type { TlsConfig } from '../config.js'
import { isLoopback } from '../../http/loopback.js'
import { UsageError } from './usage-error.js'

/** Whether the chat page is served: only from where a browser lets it work. */
export function readWeb(wanted: boolean, host: string, tls: TlsConfig | undefined): boolean {
  if (!wanted || isLoopback(host) || tls !== undefined) return wanted
  throw new UsageError(
    '--web needs --host 127.0.0.1, or --tls-cert and --tls-key: browsers have the cryptography the ' +
      'page needs on https and on localhost only.',
  )
}
