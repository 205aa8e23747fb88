import { createConnection } from 'node:net'
import { StreamTransport } from './stream.js'
import type { TpmTransport } from './transport.js'

/** A TPM simulator behind a Unix socket, protected by the permissions of the file. */
export function unixTransport(path: string): TpmTransport {
  return new StreamTransport(() => createConnection({ path }))
}
