import { requireList, requireObject, requireOneOf } from '../arguments.js'
import { toHex } from '../bytes/hex.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { HASH_FUNCTIONS, extend } from '../structures/pcr-extend.js'
import { type ImaEntry, templateData } from './parse.js'

/** Options of the replay of an IMA log. */
export interface ImaReplayOptions {
  /** Extends banks other than SHA-1 with the zero-padded SHA-1 hash, as kernels before 5.8. Default: false. */
  readonly paddedSha1?: boolean | undefined
}

/**
 * Computes the value of PCR 10 after extending a bank with all entries: each with the bank's own hash of
 * the measured template, a violation with all ones.
 *
 * @returns lower-case hex
 */
export function replayImaLog(
  entries: readonly ImaEntry[],
  bank: HashName,
  input: ImaReplayOptions = {},
): string {
  requireOneOf(bank, 'bank', Object.keys(HASHES))
  requireObject(input, 'input')
  const paddedSha1 = input.paddedSha1 === true
  requireList(entries, 'entries', (entry) =>
    ['algorithm', 'digest', 'path', 'signature'].every((name) => typeof entry[name] === 'string'),
  )
  const start: Uint8Array = new Uint8Array(HASHES[bank].size)
  const extendWith = (pcr: Uint8Array, entry: ImaEntry) =>
    extend(bank, pcr, measurement(entry, bank, paddedSha1))
  return toHex(entries.reduce(extendWith, start))
}

/** Computes the digest with which an entry extends a bank. */
export function measurement(entry: ImaEntry, bank: HashName, paddedSha1: boolean): Uint8Array {
  const hash = paddedSha1 ? 'sha1' : bank
  const digest = entry.isViolation
    ? new Uint8Array(HASHES[hash].size).fill(0xff)
    : HASH_FUNCTIONS[hash](templateData(entry))
  const padded = new Uint8Array(HASHES[bank].size)
  padded.set(digest)
  return padded
}
