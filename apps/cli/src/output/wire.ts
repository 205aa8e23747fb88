import type { WireInfo } from '@nomyo/client'

/** Describes the wire that requests use, and the reason. */
export function describeWire({ wire, reason, kem }: WireInfo): string {
  if (wire === 2) {
    return `2, as the gateway offers it: ${kem?.name ?? ''} (${kem?.implementation ?? ''})`
  }
  return reason === 'configured'
    ? '1, as the settings require'
    : '1: the gateway does not offer wire 2, which is post-quantum and hides the API key'
}
