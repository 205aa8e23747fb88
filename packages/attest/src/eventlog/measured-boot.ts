import { requireCallback, requireObject } from '../arguments.js'
import { PolicyError, TpmParseError } from '../attest-error.js'
import { toHex } from '../bytes/hex.js'
import type { PcrValues } from '../evidence/evidence.js'
import type { LogAppraiser } from '../policy/rules.js'
import { fail, pass, type Verdict } from '../result/verdict.js'
import type { HashName } from '../structures/constants.js'
import { HASH_FUNCTIONS, STRONG_BANKS } from '../structures/pcr-extend.js'
import { tryParse } from '../structures/reader.js'
import { EVENT_TYPE, isDataMeasured, isKnownType } from './event-types.js'
import { parseEventLog, type MeasuredEvent } from './parse.js'
import { replayEventLog } from './replay.js'

/** Event log of a firmware, and the rules for its events. */
export interface MeasuredBootOptions {
  /** Content of Linux' `binary_bios_measurements`. May come from the server: a bad log fails, it never throws. */
  readonly log: Uint8Array
  /** PCRs of 0 to 15 that must be quoted and explained. Default: those of 0 to 7 that are quoted. */
  readonly pcrs?: readonly number[] | undefined
  /** Accepted event types beyond those of the TCG profile. */
  readonly allowedEventTypes?: readonly number[] | undefined
  /**
   * Accepts or refuses each event that extended one of these PCRs, after the log replays to them. The
   * event has the digests of the quoted banks only: those are proven. Its type is not, and its data only
   * where `isDataProven`; otherwise the data is a claim of the machine.
   */
  readonly allow?: ((event: ProvenEvent) => boolean) | undefined
}

/** Event whose digests the quote proves. */
export interface ProvenEvent extends MeasuredEvent {
  /** True where each of the digests is the hash of the data, which the quote thereby covers. */
  readonly isDataProven: boolean
}

/** The static root of trust measures into PCR 0 to 15; 16 and above can be reset. */
const LAST_STATIC_PCR = 15
const LAST_FIRMWARE_PCR = 7
const [FIRST_WINDOWS_PCR, LAST_WINDOWS_PCR] = [12, 14]

/**
 * Creates an appraiser of an event log by the quoted PCRs. The log has no signature of its own: its
 * replay must give the quoted value of each PCR in every quoted bank of SHA-2. A quoted bank without
 * digests in the log fails: firmware may leave a bank unextended, and an attacker on the machine could
 * later extend it with a fictitious boot. A PCR quoted with SHA-1 alone counts as not quoted.
 *
 * PCRs cover neither type nor data of an event. So events of unknown types on the appraised PCRs are
 * refused, and so is data whose hash is not the digest where the TCG profile defines it so: EV_SEPARATOR
 * (which must be one that reports no error), EV_EFI_ACTION, EV_EFI_VARIABLE_DRIVER_CONFIG and
 * EV_EFI_VARIABLE_AUTHORITY. The text of EV_S_CRTM_VERSION may be unproven (`isDataProven`).
 *
 * A log that replays states how the machine came to its state, not that the state is a good one: use
 * `allow`, or reference values.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for `pcrs` outside 0 to 15
 * @example
 * ```ts
 * import { attestationPolicy, pinnedAk } from '@nomyo/attest'
 * import { measuredBoot } from '@nomyo/attest/eventlog'
 *
 * declare const log: Uint8Array, akName: Uint8Array
 *
 * const policy = attestationPolicy({
 *   requiredPcrs: 'sha256:0,7',
 *   trust: [pinnedAk(akName)],
 *   eventLog: measuredBoot({ log, pcrs: [0, 7] }),
 * })
 * ```
 */
export function measuredBoot(options: MeasuredBootOptions): LogAppraiser {
  requireObject(options, 'options')
  const { pcrs, allow = () => true, allowedEventTypes = [] } = options
  requireCallback(allow, 'allow')
  const isStatic = (pcr: number) => Number.isInteger(pcr) && pcr >= 0 && pcr <= LAST_STATIC_PCR
  if (pcrs !== undefined && (!Array.isArray(pcrs) || pcrs.length === 0 || !pcrs.every(isStatic))) {
    throw new PolicyError('pcrs must list at least one PCR, and none above 15')
  }
  if (!Array.isArray(allowedEventTypes) || !allowedEventTypes.every(Number.isInteger)) {
    throw new PolicyError('allowedEventTypes must list numbers')
  }
  const allowedTypes = new Set<number>(allowedEventTypes)
  const events = parse(options.log)
  return {
    appraise(quoted) {
      if (events instanceof TpmParseError) return fail('EVENTLOG_MALFORMED', events.message)
      const appraised = pcrs ?? quotedFirmwarePcrs(quoted)
      const flaw = checkReplay(events, appraised, quoted)
      if (flaw !== undefined) return flaw
      for (const event of events) {
        if (event.type === EVENT_TYPE.EV_NO_ACTION || !appraised.includes(event.pcr)) continue
        const proof = proven(event, quoted)
        const refusal = checkEvent(proof, allowedTypes)
        if (refusal !== undefined) return refusal
        if (!allow(proof)) {
          return refuse(event, 'EVENTLOG_EVENT_REFUSED', 'is not allowed')
        }
      }
      return pass('EVENTLOG_REPLAYED', `the log replays to the quoted PCR ${appraised.join(', ')}`)
    },
  }
}

function quotedFirmwarePcrs(quoted: PcrValues): readonly number[] {
  const pcrs = Array.from({ length: LAST_FIRMWARE_PCR + 1 }, (_, pcr) => pcr)
  return pcrs.filter((pcr) => quotedBanks(quoted, pcr).length > 0)
}

/** Replays the log; returns a verdict only if it fails. */
function checkReplay(
  events: readonly MeasuredEvent[],
  appraised: readonly number[],
  quoted: PcrValues,
): Verdict | undefined {
  if (appraised.length === 0) {
    return fail('EVENTLOG_PCR_NOT_QUOTED', 'no PCR of the firmware is quoted')
  }
  const missing = appraised.filter((pcr) => quotedBanks(quoted, pcr).length === 0)
  if (missing.length > 0) {
    const detail = `PCR ${missing.join(', ')} is not quoted in a bank of SHA-2`
    return fail('EVENTLOG_PCR_NOT_QUOTED', detail)
  }
  for (const bank of STRONG_BANKS) {
    const values = quoted[bank]
    if (values === undefined || !appraised.some((pcr) => values[pcr] !== undefined)) continue
    if (!events.some(({ digests }) => digests[bank] !== undefined)) {
      return fail('EVENTLOG_PCR_NOT_QUOTED', `the log has no digests for the quoted bank ${bank}`)
    }
    const unexplained = events.find(
      ({ type, pcr, digests }) =>
        type !== EVENT_TYPE.EV_NO_ACTION &&
        values[pcr] !== undefined &&
        appraised.includes(pcr) &&
        digests[bank] === undefined,
    )
    if (unexplained !== undefined) {
      return refuse(unexplained, 'EVENTLOG_DIGEST_MISSING', `has no digest of the quoted ${bank}`)
    }
    const replayed = replayEventLog(events, bank)
    for (const pcr of appraised) {
      const [expected, actual = 'no event'] = [values[pcr], replayed[pcr]]
      if (expected === undefined || expected === actual) continue
      const detail = `the log does not replay to the quoted ${bank} value of PCR ${pcr}`
      return fail('EVENTLOG_REPLAY_MISMATCH', detail, { expected, actual })
    }
  }
  return undefined
}

/** Returns the banks of SHA-2 in which a PCR is quoted. */
function quotedBanks(quoted: PcrValues, pcr: number): readonly HashName[] {
  return STRONG_BANKS.filter((bank) => quoted[bank]?.[pcr] !== undefined)
}

/** Returns an event with the digests that the quote proves, and no others. */
function proven(event: MeasuredEvent, quoted: PcrValues): ProvenEvent {
  const digests: Partial<Record<HashName, string>> = {}
  for (const bank of quotedBanks(quoted, event.pcr)) {
    const digest = event.digests[bank]
    if (digest !== undefined) digests[bank] = digest
  }
  const { data, type } = event
  // Older versions of shim log one more byte here than they measure.
  const shorter = type === EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY ? data.subarray(0, -1) : data
  const isDataProven = areDigestsOf(digests, data) || areDigestsOf(digests, shorter)
  return { ...event, digests, isDataProven }
}

/** Checks an event whose digest is proven; returns a verdict only if it fails. */
function checkEvent(event: ProvenEvent, allowedTypes: ReadonlySet<number>): Verdict | undefined {
  const { type, data, pcr } = event
  if (!isKnownType(type) && !allowedTypes.has(type)) {
    return refuse(event, 'EVENTLOG_TYPE_UNKNOWN', 'has a type that the TCG profile does not define')
  }
  if (!isDataMeasured(type)) return undefined
  if (!event.isDataProven) {
    return refuse(event, 'EVENTLOG_DATA_NOT_MEASURED', 'has data whose hash is not its digest')
  }
  // Any other separator is the firmware's report of an error.
  if (type === EVENT_TYPE.EV_SEPARATOR && !separatorsOf(pcr).includes(toHex(data))) {
    return refuse(event, 'EVENTLOG_FIRMWARE_ERROR', 'is a separator that reports an error')
  }
  return undefined
}

/** Lists the separators without an error. The boot loader of Windows ends its own PCRs with `WBCL`. */
function separatorsOf(pcr: number): readonly string[] {
  const isWindows = pcr >= FIRST_WINDOWS_PCR && pcr <= LAST_WINDOWS_PCR
  return ['00000000', 'ffffffff', ...(isWindows ? ['5742434c'] : [])]
}

function areDigestsOf(digests: MeasuredEvent['digests'], data: Uint8Array): boolean {
  const given = STRONG_BANKS.filter((bank) => digests[bank] !== undefined)
  return (
    given.length > 0 && given.every((bank) => digests[bank] === toHex(HASH_FUNCTIONS[bank](data)))
  )
}

function refuse({ index, pcr, type }: MeasuredEvent, code: string, why: string): Verdict {
  return fail(code, `event ${index} (PCR ${pcr}, type 0x${type.toString(16)}) ${why}`)
}

function parse(log: unknown): readonly MeasuredEvent[] | TpmParseError {
  if (!(log instanceof Uint8Array)) return new TpmParseError('event log', 0, 'is not bytes')
  return tryParse(() => parseEventLog(log))
}
