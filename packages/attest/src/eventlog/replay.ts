import { requireList, requireOneOf } from '../arguments.js'
import { isRecord } from '../bytes/json.js'
import { fromHex, toHex } from '../bytes/hex.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { extend } from '../structures/pcr-extend.js'
import { EVENT_TYPE } from './event-types.js'
import type { MeasuredEvent } from './parse.js'

const STARTUP_LOCALITY = toHex(new TextEncoder().encode('StartupLocality\0'))
/** The locality follows the signature; some firmware fills up the event with zeros. */
const LOCALITY_OFFSET = 16
/** The locality of a hardware root of trust for measurement, which extends PCR 0 before the TPM is started. */
const HCRTM_LOCALITY = 4
/** PCRs that a dynamic launch resets start as all ones (TCG PC Client Platform TPM Profile). */
const [FIRST_DYNAMIC, LAST_DYNAMIC] = [17, 22]

/**
 * Computes the PCR values after extending a bank with the events. EV_NO_ACTION events extend nothing;
 * one of them states the locality from which the TPM was started, the initial value of PCR 0. It is 4 where
 * the first extension is an EV_EFI_HCRTM_EVENT. Events without a digest of the bank are left out.
 *
 * @returns lower-case hex by index, of the extended PCRs; empty if the log has no digests for the bank
 */
export function replayEventLog(
  events: readonly MeasuredEvent[],
  bank: HashName,
): Readonly<Record<string, string>> {
  requireList(
    events,
    'events',
    ({ digests, data }) => isRecord(digests) && data instanceof Uint8Array,
  )
  requireOneOf(bank, 'bank', Object.keys(HASHES))
  const values = new Map<number, Uint8Array>()
  let locality = 0
  for (const event of events) {
    const { pcr, type } = event
    // Only before the first extension of PCR 0: a later event would change the effect of earlier ones.
    if (type === EVENT_TYPE.EV_NO_ACTION && pcr === 0 && !values.has(0)) locality ||= startup(event)
    const digest = fromHex(event.digests[bank] ?? '')
    if (type === EVENT_TYPE.EV_NO_ACTION || digest?.length !== HASHES[bank].size) continue
    const start = type === EVENT_TYPE.EV_EFI_HCRTM_EVENT ? HCRTM_LOCALITY : locality
    values.set(pcr, extend(bank, values.get(pcr) ?? initial(bank, pcr, start), digest))
  }
  return Object.fromEntries(Array.from(values, ([pcr, value]) => [pcr, toHex(value)]))
}

/** Returns the locality of a TCG_EfiStartupLocalityEvent; 0 for any other event. */
function startup({ data }: MeasuredEvent): number {
  const isStartup = toHex(data.subarray(0, LOCALITY_OFFSET)) === STARTUP_LOCALITY
  const isFilled = data.subarray(LOCALITY_OFFSET + 1).every((byte) => byte === 0)
  return isStartup && isFilled ? (data[LOCALITY_OFFSET] ?? 0) : 0
}

function initial(bank: HashName, pcr: number, locality: number): Uint8Array {
  const isDynamic = pcr >= FIRST_DYNAMIC && pcr <= LAST_DYNAMIC
  const value = new Uint8Array(HASHES[bank].size).fill(isDynamic ? 0xff : 0)
  if (pcr === 0) value[value.length - 1] = locality
  return value
}
