import { toHex } from '../bytes/hex.js'
import { PolicyError, TpmParseError } from '../errors.js'
import type { LogAppraiser } from '../log-appraiser.js'
import { fail, pass, type PcrValues, type Verdict } from '../result.js'
import type { HashName } from '../structures/constants.js'
import { EVENT_TYPE, isDataMeasured, isKnownType } from './event-types.js'
import { parseEventLog, type MeasuredEvent } from './parse.js'
import { HASH_FUNCTIONS, STRONG_BANKS } from '../pcr/extend.js'
import { replayEventLog } from './replay.js'

/** A firmware's event log, and what is asked of it. */
export interface MeasuredBootOptions {
  /** As Linux has it in `binary_bios_measurements`. May come from the server: it fails, it never throws. */
  readonly log: Uint8Array
  /** PCRs that must be quoted and explained, of 0 to 15; where absent, those of 0 to 7 that are quoted. */
  readonly pcrs?: readonly number[] | undefined
  /** Event types beyond those of the TCG profile that are accepted. */
  readonly allowedEventTypes?: readonly number[] | undefined
  /**
   * Judges each event that extended one of these PCRs, after the log was found to explain them. It is
   * shown the digests of the banks its PCR was quoted in: those are proven, the type is not, and the
   * data only where {@link isDataMeasured} the type: of others it is what the machine says.
   */
  readonly allow?: ((event: MeasuredEvent) => boolean) | undefined
}

/** The static root of trust measures into these; 16 and above can be reset. */
const LAST_STATIC_PCR = 15
const LAST_FIRMWARE_PCR = 7

/**
 * Judges an event log by the PCRs that were quoted. The log itself is nobody's word: replayed, it
 * must give the quoted value of each PCR in every bank of SHA-2 it was quoted in. A bank the log has
 * no digests for is not left out: firmware may leave one unextended, and whoever runs the machine
 * later can extend it with a boot that never was. A PCR quoted with SHA-1 alone counts as not quoted.
 *
 * Neither type nor data of an event is in the PCR, so unknown types on the PCRs judged are refused,
 * and data is hashed where the TCG profile says that its hash is the digest: EV_SEPARATOR (which
 * must be one of the two that report no error), EV_S_CRTM_VERSION, EV_EFI_ACTION,
 * EV_EFI_VARIABLE_DRIVER_CONFIG and EV_EFI_VARIABLE_AUTHORITY.
 *
 * A log that fits says how the machine came to its state, not that the state is a good one: that is
 * for `allow`, or for reference values.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` for `pcrs` that are none of 0 to 15
 */
export function measuredBoot(options: MeasuredBootOptions): LogAppraiser {
  const { pcrs, allow = () => true } = options
  const isStatic = (pcr: number) => Number.isInteger(pcr) && pcr >= 0 && pcr <= LAST_STATIC_PCR
  if (pcrs !== undefined && (pcrs.length === 0 || !pcrs.every(isStatic))) {
    throw new PolicyError('pcrs must name at least one PCR, and none above 15')
  }
  const allowedTypes = new Set(options.allowedEventTypes)
  const events = tryParse(options.log)
  return {
    judge(quoted) {
      if (events instanceof TpmParseError) return fail('EVENTLOG_MALFORMED', events.message)
      const judged = pcrs ?? quotedFirmwarePcrs(quoted)
      const flaw = judgeReplay(events, judged, quoted)
      if (flaw !== undefined) return flaw
      for (const event of events) {
        if (event.type === EVENT_TYPE.EV_NO_ACTION || !judged.includes(event.pcr)) continue
        const refusal = judgeEvent(event, allowedTypes)
        if (refusal !== undefined) return refusal
        if (!allow(proven(event, quoted)))
          return refuse(event, 'EVENTLOG_EVENT_REFUSED', 'is not allowed')
      }
      return pass('EVENTLOG_REPLAYED', `the log explains PCR ${judged.join(', ')} as quoted`)
    },
  }
}

function quotedFirmwarePcrs(quoted: PcrValues): readonly number[] {
  const pcrs = Array.from({ length: LAST_FIRMWARE_PCR + 1 }, (_, pcr) => pcr)
  return pcrs.filter((pcr) => quotedBanks(quoted, pcr).length > 0)
}

/** What keeps the log from explaining the PCRs, if anything does. */
function judgeReplay(
  events: readonly MeasuredEvent[],
  judged: readonly number[],
  quoted: PcrValues,
): Verdict | undefined {
  if (judged.length === 0)
    return fail('EVENTLOG_PCR_NOT_QUOTED', 'no PCR of the firmware is quoted')
  const missing = judged.filter((pcr) => quotedBanks(quoted, pcr).length === 0)
  if (missing.length > 0) {
    const detail = `PCR ${missing.join(', ')} is not quoted in a bank of SHA-2`
    return fail('EVENTLOG_PCR_NOT_QUOTED', detail)
  }
  for (const bank of STRONG_BANKS) {
    const values = quoted[bank]
    const isJudged = judged.some((pcr) => values?.[pcr] !== undefined)
    if (values === undefined || !isJudged) continue
    if (!events.some(({ digests }) => digests[bank] !== undefined)) {
      return fail(
        'EVENTLOG_PCR_NOT_QUOTED',
        `the log has no ${bank} digests, and that bank is quoted`,
      )
    }
    const replayed = replayEventLog(events, bank)
    for (const pcr of judged) {
      const [expected, actual = 'no event'] = [values[pcr], replayed[pcr]]
      if (expected === undefined || expected === actual) continue
      const detail = `the log does not give the ${bank} value of PCR ${pcr} that was quoted`
      return fail('EVENTLOG_REPLAY_MISMATCH', detail, { expected, actual })
    }
  }
  return undefined
}

/** The banks of SHA-2 a PCR is quoted in. */
function quotedBanks(quoted: PcrValues, pcr: number): readonly HashName[] {
  return STRONG_BANKS.filter((bank) => quoted[bank]?.[pcr] !== undefined)
}

/** An event with the digests that the quote proves, and no others. */
function proven(event: MeasuredEvent, quoted: PcrValues): MeasuredEvent {
  const digests: Partial<Record<HashName, string>> = {}
  for (const bank of quotedBanks(quoted, event.pcr)) {
    const digest = event.digests[bank]
    if (digest !== undefined) digests[bank] = digest
  }
  return { ...event, digests }
}

/** What is wrong with an event whose digest is proven, if anything is. */
function judgeEvent(event: MeasuredEvent, allowedTypes: ReadonlySet<number>): Verdict | undefined {
  const { type, data } = event
  if (!isKnownType(type) && !allowedTypes.has(type)) {
    return refuse(event, 'EVENTLOG_TYPE_UNKNOWN', 'is of a type the TCG profile does not know')
  }
  if (!isDataMeasured(type)) return undefined
  // Older versions of shim log a byte too many here, which they did not measure.
  const shorter = type === EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY ? data.subarray(0, -1) : data
  if (!isDigestOf(event, data) && !isDigestOf(event, shorter)) {
    return refuse(
      event,
      'EVENTLOG_DATA_NOT_MEASURED',
      'has data that its digest is not the hash of',
    )
  }
  // Anything else in a separator is the firmware's report of an error.
  if (type === EVENT_TYPE.EV_SEPARATOR && !['00000000', 'ffffffff'].includes(toHex(data))) {
    return refuse(event, 'EVENTLOG_FIRMWARE_ERROR', 'is a separator that reports an error')
  }
  return undefined
}

function isDigestOf({ digests }: MeasuredEvent, data: Uint8Array): boolean {
  return STRONG_BANKS.every(
    (bank) => digests[bank] === undefined || digests[bank] === toHex(HASH_FUNCTIONS[bank](data)),
  )
}

function refuse({ index, pcr, type }: MeasuredEvent, code: string, why: string): Verdict {
  return fail(code, `event ${index} (PCR ${pcr}, type 0x${type.toString(16)}) ${why}`)
}

function tryParse(log: unknown): readonly MeasuredEvent[] | TpmParseError {
  if (!(log instanceof Uint8Array)) return new TpmParseError('event log', 0, 'is not bytes')
  try {
    return parseEventLog(log)
  } catch (error) {
    if (error instanceof TpmParseError) return error
    throw error
  }
}
