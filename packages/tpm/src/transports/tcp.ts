import { createConnection } from 'node:net'
import { StreamTransport } from './stream.js'
import type { TpmTransport } from './transport.js'

/** A TPM simulator such as swtpm. TCP protects nothing: for loopback only. */
export function tcpTransport(host: string, port: number): TpmTransport {
  return new StreamTransport(() => createConnection({ host, port, noDelay: true }))
}
