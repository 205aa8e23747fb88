import { TpmError } from '../errors.js'
import { deviceTransport } from './device.js'
import { tcpTransport } from './tcp.js'
import type { TpmTransport } from './transport.js'
import { unixTransport } from './unix.js'

/**
 * The way to the TPM at `address`. Nothing is opened before the first command.
 *
 * @param address - `device` (which is `/dev/tpmrm0`), the path of another device below `/dev/`,
 * `unix:///path/of/socket`, or `tcp://host:port`
 * @throws TpmError `ERR_TPM_ADDRESS`
 */
export function createTpmTransport(address: string): TpmTransport {
  if (address === 'device') return deviceTransport('/dev/tpmrm0')
  if (address.startsWith('/dev/')) return deviceTransport(address)
  const path = /^unix:\/\/(\/.+)$/.exec(address)?.[1]
  if (path !== undefined) return unixTransport(path)
  const [, ipv6, host = ipv6, port] =
    /^tcp:\/\/(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})\/?$/i.exec(address) ?? []
  if (host === undefined || !(Number(port) >= 1 && Number(port) <= 65_535)) {
    throw new TpmError(
      'ERR_TPM_ADDRESS',
      'An address of a TPM is device, /dev/tpmrm0, unix:///path/of/socket or tcp://127.0.0.1:2321.',
    )
  }
  return tcpTransport(host, Number(port))
}
