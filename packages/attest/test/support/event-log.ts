import { createHash } from 'node:crypto'

/**
 * Writes event logs and replays them, sharing no code with what it is used against.
 */
export interface LoggedEvent {
  pcr: number
  type: number
  data: Uint8Array
  /** Measured data, where it is not `data`. */
  measured?: Uint8Array
}

export const BANKS = { sha1: 0x0004, sha256: 0x000b, sha384: 0x000c, sha512: 0x000d } as const
export type Bank = keyof typeof BANKS

export const u16le = (value: number) => Buffer.of(value & 0xff, value >> 8)
export const u32le = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

export const hash = (bank: Bank, ...pieces: Uint8Array[]) =>
  createHash(bank).update(Buffer.concat(pieces)).digest()

export interface Header {
  pcr?: number
  type?: number
  digest?: Uint8Array
  signature?: string
  algorithms?: [number, number][]
  count?: number
  tail?: Uint8Array
}

export function header(banks: readonly Bank[], changes: Header = {}): Buffer {
  const algorithms =
    changes.algorithms ?? banks.map((bank) => [BANKS[bank], hash(bank).length] as [number, number])
  const data = Buffer.concat([
    Buffer.from(changes.signature ?? 'Spec ID Event03\0'),
    u32le(0),
    Buffer.of(0, 2, 0, 2),
    u32le(changes.count ?? algorithms.length),
    ...algorithms.map(([id, size]) => Buffer.concat([u16le(id), u16le(size)])),
    changes.tail ?? Buffer.of(0),
  ])
  return Buffer.concat([
    u32le(changes.pcr ?? 0),
    u32le(changes.type ?? 3),
    changes.digest ?? Buffer.alloc(20),
    u32le(data.length),
    data,
  ])
}

export function event(banks: readonly Bank[], { pcr, type, data, measured = data }: LoggedEvent) {
  const digests = banks.map((bank) =>
    Buffer.concat([
      u16le(BANKS[bank]),
      type === 3 ? Buffer.alloc(hash(bank).length) : hash(bank, measured),
    ]),
  )
  return Buffer.concat([
    u32le(pcr),
    u32le(type),
    u32le(banks.length),
    ...digests,
    u32le(data.length),
    data,
  ])
}

export const eventLog = (banks: readonly Bank[], events: readonly LoggedEvent[]) =>
  new Uint8Array(Buffer.concat([header(banks), ...events.map((one) => event(banks, one))]))

/** PCR values after the events. */
export function replay(
  banks: readonly Bank[],
  events: readonly LoggedEvent[],
  locality = 0,
): Record<string, Record<string, string>> {
  const values: Record<string, Record<string, string>> = {}
  for (const bank of banks) {
    const pcrs: Record<string, string> = (values[bank] = {})
    for (const { pcr, type, data, measured = data } of events) {
      if (type === 3) continue
      const start = Buffer.alloc(hash(bank).length, pcr > 16 && pcr < 23 ? 0xff : 0)
      if (pcr === 0) start[start.length - 1] = locality
      const before = pcrs[pcr] === undefined ? start : Buffer.from(pcrs[pcr], 'hex')
      pcrs[pcr] = hash(bank, before, hash(bank, measured)).toString('hex')
    }
  }
  return values
}
