import { createConnection } from 'node:net'
import { requireInput } from '../arguments.js'
import { TpmError } from '../errors.js'
import { deviceTransport } from './device.js'
import { StreamTransport } from './stream.js'
import type { TpmTransport } from './transport.js'

/**
 * Creates the transport to the TPM at an address. Opens nothing before the first command.
 *
 * TCP has no protection: use it on loopback only. A Unix socket is protected by the permissions of its
 * file.
 *
 * @param address - `device` (which is `/dev/tpmrm0`), the path of another device below `/dev/`,
 * `unix:///path/of/socket`, or `tcp://host:port`
 * @throws TpmError `ERR_TPM_ADDRESS`
 */
export function createTpmTransport(address: string): TpmTransport {
  requireInput(typeof address === 'string', 'address must be a string')
  if (address === 'device') return deviceTransport('/dev/tpmrm0')
  if (address.startsWith('/dev/')) return deviceTransport(address)
  const path = /^unix:\/\/(\/.+)$/.exec(address)?.[1]
  if (path !== undefined) return new StreamTransport(() => createConnection({ path }))
  const [, ipv6, host = ipv6, digits] =
    /^tcp:\/\/(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})\/?$/i.exec(address) ?? []
  const port = Number(digits)
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new TpmError(
      'ERR_TPM_ADDRESS',
      'The address of a TPM must be device, /dev/tpmrm0, unix:///path/of/socket or tcp://127.0.0.1:2321.',
    )
  }
  return new StreamTransport(() => createConnection({ host, port, noDelay: true }))
}
