import { fromHex, toHex } from '../bytes/hex.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { EVENT_TYPE } from './event-types.js'
import type { MeasuredEvent } from './parse.js'
import { extend } from '../pcr/extend.js'

const STARTUP_LOCALITY = toHex(new TextEncoder().encode('StartupLocality\0'))
const STARTUP_LOCALITY_BYTES = 17
/** PCRs that a dynamic launch resets start with ones (TCG PC Client Platform TPM Profile). */
const [FIRST_DYNAMIC, LAST_DYNAMIC] = [17, 22]

/**
 * The PCR values that extending a bank with the events gives. EV_NO_ACTION events extend nothing;
 * one of them says which locality the TPM was started from, which PCR 0 then begins with.
 *
 * @returns lower-case hex by index, of the PCRs that were extended; none where the log has no digests
 * for the bank
 */
export function replayEventLog(
  events: readonly MeasuredEvent[],
  bank: HashName,
): Readonly<Record<string, string>> {
  const values = new Map<number, Uint8Array>()
  let locality = 0
  for (const event of events) {
    const { pcr, type } = event
    // Once PCR 0 is extended its beginning is past: a later event would make the ones before unheard.
    if (type === EVENT_TYPE.EV_NO_ACTION && pcr === 0 && !values.has(0)) locality ||= startup(event)
    const digest = fromHex(event.digests[bank] ?? '')
    if (type === EVENT_TYPE.EV_NO_ACTION || digest?.length !== HASHES[bank].size) continue
    values.set(pcr, extend(bank, values.get(pcr) ?? initial(bank, pcr, locality), digest))
  }
  return Object.fromEntries(Array.from(values, ([pcr, value]) => [pcr, toHex(value)]))
}

/** The locality of a TCG_EfiStartupLocalityEvent; 0 for any other event. */
function startup({ data }: MeasuredEvent): number {
  const isStartup =
    data.length === STARTUP_LOCALITY_BYTES && toHex(data.subarray(0, -1)) === STARTUP_LOCALITY
  return isStartup ? (data.at(-1) ?? 0) : 0
}

function initial(bank: HashName, pcr: number, locality: number): Uint8Array {
  const isDynamic = pcr >= FIRST_DYNAMIC && pcr <= LAST_DYNAMIC
  const value = new Uint8Array(HASHES[bank].size).fill(isDynamic ? 0xff : 0)
  if (pcr === 0) value[value.length - 1] = locality
  return value
}
