import { toHex } from '../bytes/hex.js'
import { HASH_FUNCTIONS, extend } from '../pcr/extend.js'
import { HASHES, type HashName } from '../structures/constants.js'
import type { ImaEntry } from './parse.js'
import { templateData } from './template.js'

/** How a kernel extends a bank. */
export interface ImaReplayOptions {
  /** Kernels before 5.8: banks other than SHA-1 take the SHA-1 hash with zeros behind it. Default: false. */
  readonly paddedSha1?: boolean | undefined
}

/**
 * The value of PCR 10 that extending a bank with all entries gives: each with the bank's own hash of
 * what the kernel measured, a violation with ones only.
 *
 * @returns lower-case hex
 */
export function replayImaLog(
  entries: readonly ImaEntry[],
  bank: HashName,
  { paddedSha1 = false }: ImaReplayOptions = {},
): string {
  const start: Uint8Array = new Uint8Array(HASHES[bank].size)
  const extendWith = (pcr: Uint8Array, entry: ImaEntry) =>
    extend(bank, pcr, measurement(entry, bank, paddedSha1))
  return toHex(entries.reduce(extendWith, start))
}

/** What a bank is extended with for an entry. */
export function measurement(entry: ImaEntry, bank: HashName, paddedSha1: boolean): Uint8Array {
  const hash = paddedSha1 ? 'sha1' : bank
  const digest = entry.isViolation
    ? new Uint8Array(HASHES[hash].size).fill(0xff)
    : HASH_FUNCTIONS[hash](templateData(entry))
  const padded = new Uint8Array(HASHES[bank].size)
  padded.set(digest)
  return padded
}
