import { equalBytes } from '../bytes/digest.js'
import { fromHex } from '../bytes/hex.js'
import { TpmParseError } from '../errors.js'
import { STRONG_BANKS, extend } from '../pcr/extend.js'
import type { LogAppraiser } from '../log-appraiser.js'
import { fail, pass, warn, type PcrValues, type Verdict } from '../result.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { BOOT_AGGREGATE, parseImaLog, type ImaEntry } from './parse.js'
import { measurement } from './replay.js'

/** A log of files that were read or run, and what is asked of it. */
export interface ImaLogOptions {
  /** As Linux has it in `ascii_runtime_measurements`. May come from the server: it fails, it never throws. */
  readonly log: string
  /**
   * Judges each quoted entry by its `path`, `algorithm` and `digest`, all of which are measured. Not
   * asked about the first one (`boot_aggregate`, for which the firmware's PCRs answer), and not about
   * violations, of which only the number is measured.
   *
   * @example
   * ```ts
   * allow: ({ path, digest }) => known.get(path)?.has(digest) === true
   * ```
   */
  readonly allow?: ((entry: ImaEntry) => boolean) | undefined
  /** What a violation makes of the verdict. Default: `warn`. */
  readonly violations?: 'warn' | 'fail' | undefined
}

const PCR = 10

/**
 * Judges an IMA log by the PCR 10 that was quoted: replayed, it must give the value of every quoted
 * bank of SHA-2, and there must be one. The kernel may write on while the quote is made, so entries
 * may follow those that give the value: they are not judged, the next quote will cover them.
 *
 * Kernels before 5.8 extend the banks of SHA-2 with a SHA-1 hash. That is accepted with a warning:
 * who can make files for a collision of SHA-1 can hide one.
 *
 * Without `allow`, a log that fits says what was read or run, not that it was right. Replaying takes
 * about a second for 100 000 entries in one bank, without a pause.
 */
export function imaLog({ log, allow, violations = 'warn' }: ImaLogOptions): LogAppraiser {
  const entries = tryParse(log)
  return {
    judge(quoted) {
      if (entries instanceof TpmParseError) return fail('IMA_MALFORMED', entries.message)
      const banks = quotedBanks(quoted)
      if (banks.length === 0) {
        return fail('IMA_PCR_NOT_QUOTED', `PCR ${PCR} is not quoted in a bank of SHA-2`)
      }
      const plain = countExplained(entries, banks, false)
      const count = plain ?? countExplained(entries, banks, true)
      if (count === undefined) {
        return fail('IMA_REPLAY_MISMATCH', `the log does not give the quoted value of PCR ${PCR}`)
      }
      const covered = entries.slice(0, count)
      const later = entries.length - count
      return (
        judgeEntries(covered, allow) ??
        summarise(covered, later, plain === undefined, violations, allow !== undefined)
      )
    },
  }
}

interface QuotedBank {
  readonly bank: HashName
  readonly value: Uint8Array
}

function quotedBanks(quoted: PcrValues): readonly QuotedBank[] {
  return STRONG_BANKS.flatMap((bank) => {
    const value = quoted[bank]?.[PCR]
    return value === undefined ? [] : [{ bank, value: fromHex(value) ?? new Uint8Array() }]
  })
}

/** How many entries it takes to come to the quoted value in all banks at once. */
function countExplained(
  entries: readonly ImaEntry[],
  banks: readonly QuotedBank[],
  paddedSha1: boolean,
): number | undefined {
  const states: { bank: HashName; value: Uint8Array; pcr: Uint8Array }[] = banks.map(
    ({ bank, value }) => ({ bank, value, pcr: new Uint8Array(HASHES[bank].size) }),
  )
  for (const [index, entry] of entries.entries()) {
    for (const state of states) {
      const { bank, pcr } = state
      state.pcr = extend(bank, pcr, measurement(entry, bank, paddedSha1))
    }
    if (states.every(({ value, pcr }) => equalBytes(value, pcr))) return index + 1
  }
  return undefined
}

/** What is wrong with the entries the quote covers, if anything is. */
function judgeEntries(
  entries: readonly ImaEntry[],
  allow: ImaLogOptions['allow'],
): Verdict | undefined {
  const [first, ...rest] = entries
  if (first?.path !== BOOT_AGGREGATE || first.isViolation) {
    return fail('IMA_NO_BOOT_AGGREGATE', `the log does not begin with ${BOOT_AGGREGATE}`)
  }
  if (allow === undefined) return undefined
  const refused = rest.find((entry) => !entry.isViolation && !allow(entry))
  if (refused === undefined) return undefined
  // The path is the machine's text: quoted, so that it cannot pass for ours.
  const path = JSON.stringify(refused.path.slice(0, 200))
  return fail('IMA_ENTRY_REFUSED', `entry ${refused.index} (${path}) is not allowed`)
}

function summarise(
  covered: readonly ImaEntry[],
  later: number,
  isPadded: boolean,
  violations: 'warn' | 'fail',
  isAllowed: boolean,
): Verdict {
  const broken = covered.filter(({ isViolation }) => isViolation).length
  const detail = [
    `${covered.length} entries explain PCR ${PCR} as quoted`,
    ...(later > 0 ? [`${later} came later and are not judged`] : []),
    ...(broken > 0 ? [`${broken} files changed while they were measured`] : []),
    ...(isPadded ? ['the kernel extends banks of SHA-2 with SHA-1 hashes only'] : []),
  ].join('; ')
  if (broken > 0) return (violations === 'fail' ? fail : warn)('IMA_VIOLATION', detail)
  if (isPadded) return warn('IMA_PADDED_SHA1', detail)
  return pass(isAllowed ? 'IMA_ALLOWED' : 'IMA_REPLAYED', detail)
}

function tryParse(log: unknown): readonly ImaEntry[] | TpmParseError {
  if (typeof log !== 'string') return new TpmParseError('IMA log', 0, 'is not text')
  try {
    return parseImaLog(log)
  } catch (error) {
    if (error instanceof TpmParseError) return error
    throw error
  }
}
