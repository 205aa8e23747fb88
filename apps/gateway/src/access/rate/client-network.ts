/**
 * Returns the part of an address that identifies a client: all of IPv4, the first 64 bits of IPv6. A
 * closed connection has no address.
 */
export function clientNetwork(address: string | undefined): string {
  if (address === undefined) return 'disconnected'
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (ipv4 !== undefined) return ipv4
  const [head = [], tail] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const groups =
    tail === undefined ? head : [...head, ...zeros(8 - head.length - tail.length), ...tail]
  return `${groups.slice(0, 4).join(':')}::/64`
}

const zeros = (count: number): string[] => Array.from({ length: Math.max(0, count) }, () => '0')
