import { BlockList, isIP } from 'node:net'

/**
 * Relays that the operator knows. The address of one stands for all of its clients, which the relay limits in
 * place of the gateway.
 */
export class KnownRelays {
  readonly #addresses = new BlockList()

  /** @param relays - addresses, and networks such as `10.0.0.0/8` */
  constructor(relays: readonly string[] = []) {
    for (const relay of relays) {
      const [address = '', prefix] = relay.split('/')
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (prefix === undefined) this.#addresses.addAddress(address, family)
      else this.#addresses.addSubnet(address, Number(prefix), family)
    }
  }

  /** Checks for the address of a relay. A closed connection has none. */
  has(address: string | undefined): boolean {
    const version = isIP(address ?? '')
    // Also knows IPv4 in the form that sockets of IPv6 give it.
    return version !== 0 && this.#addresses.check(address ?? '', version === 6 ? 'ipv6' : 'ipv4')
  }
}
