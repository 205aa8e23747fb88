import { createTpmTransport, type TpmTransport } from '../../src/index.js'

export const QUOTE = 0x158

/** Receives each command before it is sent, and may change it. */
export type Interception = (
  code: number,
  command: Uint8Array,
  inner: TpmTransport,
) => Promise<void> | void

export function intercept(address: string, before: Interception): TpmTransport {
  const inner = createTpmTransport(address)
  return {
    async transmit(command) {
      const changed = command.slice()
      await before(new DataView(changed.buffer).getUint32(6), changed, inner)
      return inner.transmit(changed)
    },
    close: () => inner.close(),
  }
}
