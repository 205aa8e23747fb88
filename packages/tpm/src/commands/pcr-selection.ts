import { HASHES, hashName, type PcrSelection } from '@nomyo/attest/structures'
import { malformed, type ResponseReader } from '../wire/response-reader.js'
import type { Writer } from '../wire/writer.js'

/** 24 PCRs, as PC Client TPMs have; some accept no other size. */
const MASK_BYTES = 3
/** One for each possible hash algorithm (TPML_PCR_SELECTION, Part 2, 10.9.7). */
const MAX_BANKS = 16

export function writePcrSelection(writer: Writer, selection: readonly PcrSelection[]): void {
  writer.u32(selection.length)
  for (const { hash, pcrs } of selection) {
    const mask = pcrs.reduce((bits, pcr) => bits | (1 << pcr), 0)
    writer.u16(HASHES[hash].id).u8(MASK_BYTES)
    // PCR i is bit i mod 8 of byte i div 8.
    writer
      .u8(mask)
      .u8(mask >>> 8)
      .u8(mask >>> 16)
  }
}

/** Reads a selection. Omits banks of an unknown algorithm, or without a PCR: they select nothing. */
export function readPcrSelection(reader: ResponseReader): PcrSelection[] {
  const count = reader.u32()
  if (count > MAX_BANKS) throw malformed('selects from too many banks')
  return Array.from({ length: count }, () => {
    const hash = hashName(reader.u16())
    const mask = reader.take(reader.u8())
    const pcrs = [...mask].flatMap((bits, byte) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (bits >> bit) & 1).map((bit) => byte * 8 + bit),
    )
    return hash === undefined || pcrs.length === 0 ? [] : [{ hash, pcrs }]
  }).flat()
}
