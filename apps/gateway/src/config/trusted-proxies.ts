import { isIP } from 'node:net'

/** Names for the networks nobody routes from outside. */
const NAMES = ['loopback', 'linklocal', 'uniquelocal']

/** Whether this names addresses: one, a network (`10.0.0.0/8`), or a name for some. */
export function isProxyAddress(text: string): boolean {
  if (NAMES.includes(text)) return true
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  if (prefix === undefined) return true
  // A network of everybody would let every caller name its own address.
  return (
    /^\d{1,3}$/.test(prefix) && Number(prefix) > 0 && Number(prefix) <= (version === 4 ? 32 : 128)
  )
}
