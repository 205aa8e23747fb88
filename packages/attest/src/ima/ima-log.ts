import { requireCallback, requireObject, requireOneOf } from '../arguments.js'
import { TpmParseError } from '../attest-error.js'
import { equalBytes } from '../bytes/bytes.js'
import { fromHex } from '../bytes/hex.js'
import type { PcrValues } from '../evidence/evidence.js'
import type { LogAppraiser } from '../policy/rules.js'
import { fail, pass, warn, type Verdict } from '../result/verdict.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { STRONG_BANKS, extend } from '../structures/pcr-extend.js'
import { tryParse } from '../structures/reader.js'
import { BOOT_AGGREGATE, parseImaLog, type ImaEntry } from './parse.js'
import { measurement } from './replay.js'

/** Log of files that were read or run, and the rules for its entries. */
export interface ImaLogOptions {
  /** Content of Linux' `ascii_runtime_measurements`. May come from the server: a bad log fails, it never throws. */
  readonly log: string
  /**
   * Accepts or refuses each quoted entry by its `path`, `algorithm` and `digest`, all of which are
   * measured. Not called for the first one (`boot_aggregate`, which the firmware's PCRs cover), nor for
   * violations, of which only the number is measured.
   */
  readonly allow?: ((entry: ImaEntry) => boolean) | undefined
  /** Status of the verdict on a log with violations. Default: `warn`. */
  readonly violations?: 'warn' | 'fail' | undefined
}

const PCR = 10

/**
 * Creates an appraiser of an IMA log by the quoted PCR 10: its replay must give the value of every
 * quoted bank of SHA-2, of which there must be one. The kernel may append entries while the quote is
 * made; entries after those that give the value are not appraised, the next quote covers them.
 *
 * Kernels before 5.8 extend the banks of SHA-2 with a SHA-1 hash. That is accepted with a warning: an
 * attacker with a SHA-1 collision can hide a file.
 *
 * Without `allow`, a log that replays states what was read or run, not that it was allowed. Replaying
 * 100 000 entries in one bank takes about a second, without a pause.
 *
 * @example
 * ```ts
 * import { attestationPolicy, pinnedAk } from '@nomyo/attest'
 * import { imaLog } from '@nomyo/attest/ima'
 *
 * declare const log: string, akName: Uint8Array
 * declare const known: ReadonlyMap<string, string>
 *
 * const policy = attestationPolicy({
 *   requiredPcrs: 'sha256:0,7,10',
 *   trust: [pinnedAk(akName)],
 *   ima: imaLog({ log, allow: ({ path, digest }) => known.get(path) === digest }),
 * })
 * ```
 */
export function imaLog(options: ImaLogOptions): LogAppraiser {
  requireObject(options, 'options')
  const { log, allow, violations = 'warn' } = options
  requireCallback(allow, 'allow')
  requireOneOf(violations, 'violations', ['warn', 'fail'])
  const entries = parse(log)
  return {
    appraise(quoted) {
      if (entries instanceof TpmParseError) return fail('IMA_MALFORMED', entries.message)
      const banks = quotedBanks(quoted)
      if (banks.length === 0) {
        return fail('IMA_PCR_NOT_QUOTED', `PCR ${PCR} is not quoted in a bank of SHA-2`)
      }
      const plain = countExplained(entries, banks, false)
      const count = plain ?? countExplained(entries, banks, true)
      if (count === undefined) {
        return fail('IMA_REPLAY_MISMATCH', `the log does not replay to the quoted PCR ${PCR}`)
      }
      const covered = entries.slice(0, count)
      const later = entries.length - count
      return (
        checkEntries(covered, allow) ??
        summarize(covered, later, plain === undefined, violations, allow !== undefined)
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

/** Counts the entries that replay to the quoted value in all banks at once. */
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

/** Checks the entries that the quote covers; returns a verdict only if one fails. */
function checkEntries(
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
  // The path is attacker-controlled text: quoted, so that it cannot pass for part of the message.
  const path = JSON.stringify(refused.path.slice(0, 200))
  return fail('IMA_ENTRY_REFUSED', `entry ${refused.index} (${path}) is not allowed`)
}

function summarize(
  covered: readonly ImaEntry[],
  later: number,
  isPadded: boolean,
  violations: 'warn' | 'fail',
  isAllowed: boolean,
): Verdict {
  const broken = covered.filter(({ isViolation }) => isViolation).length
  const detail = [
    `${covered.length} entries replay to the quoted PCR ${PCR}`,
    ...(later > 0 ? [`${later} later entries are not appraised`] : []),
    ...(broken > 0 ? [`${broken} files changed while they were measured`] : []),
    ...(isPadded ? ['the kernel extends banks of SHA-2 with SHA-1 hashes only'] : []),
  ].join('; ')
  if (broken > 0) return (violations === 'fail' ? fail : warn)('IMA_VIOLATION', detail)
  if (isPadded) return warn('IMA_PADDED_SHA1', detail)
  return pass(isAllowed ? 'IMA_ALLOWED' : 'IMA_REPLAYED', detail)
}

function parse(log: unknown): readonly ImaEntry[] | TpmParseError {
  if (typeof log !== 'string') return new TpmParseError('IMA log', 0, 'is not text')
  return tryParse(() => parseImaLog(log))
}
