import { toHex } from '../bytes/hex.js'
import type { Bytes } from '../bytes/types.js'
import { HASHES, hashName, type HashName } from '../structures/constants.js'
import { EVENT_TYPE } from './event-types.js'
import { LogReader } from './log-reader.js'

/** One event of a firmware's log (TCG_PCR_EVENT2). */
export interface MeasuredEvent {
  /** Which event it is, from 0; the header is not counted. */
  readonly index: number
  readonly pcr: number
  /** TCG_EVENTTYPE. The PCR does not cover it: it may be relabelled without the digest changing. */
  readonly type: number
  /** In lower-case hex, by bank; banks with other hashes than SHA-1 and SHA-2 are left out. */
  readonly digests: Readonly<Partial<Record<HashName, string>>>
  /** Covered by the PCR only as far as the digest is its hash. */
  readonly data: Bytes
}

const MAX_LOG = 16 * 1024 * 1024
const MAX_DATA = 1024 * 1024
const MAX_EVENTS = 100_000
const MAX_ALGORITHMS = 16
const MAX_DIGEST = 64
const MAX_PCR = 23
/** EV_NO_ACTION events that belong to no PCR have this one. */
const NO_PCR = 0xffffffff

/**
 * Reads a crypto-agile event log, as Linux has it in `binary_bios_measurements` (TCG PC Client
 * Platform Firmware Profile, section 10). Each event must have one digest of each algorithm that
 * the header lists, no other, and nothing may follow the last.
 *
 * @returns the events after the header; of an EV_NO_ACTION event the PCR may be 0xFFFFFFFF
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`; also beyond 16 MiB, 100 000 events, or 1 MiB of data
 * in one of them, and for the SHA-1-only format of TPM 1.2
 */
export function parseEventLog(bytes: Uint8Array): MeasuredEvent[] {
  const reader = new LogReader(bytes)
  if (bytes.length > MAX_LOG) reader.fail('event log', `is longer than ${MAX_LOG} bytes`)
  const algorithms = readHeader(reader)
  const events: MeasuredEvent[] = []
  while (!reader.done) {
    if (events.length === MAX_EVENTS) reader.fail('event log', `has more than ${MAX_EVENTS} events`)
    events.push(readEvent(reader, events.length, algorithms))
  }
  return events
}

/** Digest sizes in bytes by TPM_ALG_ID. */
type Algorithms = ReadonlyMap<number, number>

const SIGNATURE = new TextEncoder().encode('Spec ID Event03\0')

/** A TCG_PCClientPCREvent in the old format, whose data is a TCG_EfiSpecIdEvent. */
function readHeader(reader: LogReader): Algorithms {
  const pcr = reader.u32('header.pcrIndex')
  const type = reader.u32('header.eventType')
  const digest = reader.take(HASHES.sha1.size, 'header.digest')
  if (pcr !== 0 || type !== EVENT_TYPE.EV_NO_ACTION || digest.some((byte) => byte !== 0)) {
    reader.fail('header', 'is no crypto-agile one')
  }
  const header = new LogReader(reader.take(sizeOf(reader, 'header.eventDataSize'), 'header.event'))
  if (toHex(header.take(SIGNATURE.length, 'signature')) !== toHex(SIGNATURE)) {
    reader.fail('header.signature', 'is not "Spec ID Event03"')
  }
  header.u32('platformClass')
  header.take(4, 'specVersion and uintnSize')
  const count = header.u32('numberOfAlgorithms')
  if (count < 1 || count > MAX_ALGORITHMS) header.fail('numberOfAlgorithms', `is ${count}`)
  const algorithms = new Map<number, number>()
  for (let i = 0; i < count; i++) {
    const id = header.u16('algorithmId')
    const size = header.u16('digestSize')
    const hash = hashName(id)
    const isSound = hash === undefined ? size > 0 && size <= MAX_DIGEST : size === HASHES[hash].size
    if (!isSound || algorithms.has(id)) header.fail('digestSizes', 'has a wrong or repeated entry')
    algorithms.set(id, size)
  }
  header.take(header.u8('vendorInfoSize'), 'vendorInfo')
  if (!header.done) header.fail('header', 'is longer than what it says it holds')
  return algorithms
}

function readEvent(reader: LogReader, index: number, algorithms: Algorithms): MeasuredEvent {
  const pcr = reader.u32('pcrIndex')
  const type = reader.u32('eventType')
  if (pcr > MAX_PCR && !(pcr === NO_PCR && type === EVENT_TYPE.EV_NO_ACTION)) {
    reader.fail('pcrIndex', `is ${pcr}`)
  }
  const digests = readDigests(reader, algorithms)
  const data = reader.take(sizeOf(reader, 'eventSize'), 'event')
  return { index, pcr, type, digests, data }
}

function readDigests(reader: LogReader, algorithms: Algorithms): MeasuredEvent['digests'] {
  const count = reader.u32('digests.count')
  if (count !== algorithms.size) reader.fail('digests.count', `is ${count}, not as in the header`)
  const digests: Partial<Record<HashName, string>> = {}
  const seen = new Set<number>()
  for (let i = 0; i < count; i++) {
    const id = reader.u16('digest.hashAlg')
    const size = algorithms.get(id)
    if (size === undefined || seen.has(id)) {
      return reader.fail('digest.hashAlg', 'is not in the header, or comes twice')
    }
    seen.add(id)
    const digest = reader.take(size, 'digest')
    const hash = hashName(id)
    if (hash !== undefined) digests[hash] = toHex(digest)
  }
  return digests
}

function sizeOf(reader: LogReader, field: string): number {
  const size = reader.u32(field)
  return size <= MAX_DATA ? size : reader.fail(field, `is ${size}, the limit is ${MAX_DATA}`)
}
