import type { Bytes } from '../bytes/bytes.js'
import { toHex } from '../bytes/hex.js'
import { HASHES, hashName, type HashName } from '../structures/constants.js'
import { Reader } from '../structures/reader.js'
import { EVENT_TYPE } from './event-types.js'

/** Event of a firmware's log (TCG_PCR_EVENT2). */
export interface MeasuredEvent {
  /** Position in the log, from 0; the header is not counted. */
  readonly index: number
  readonly pcr: number
  /** TCG_EVENTTYPE. The PCR does not cover it: an attacker can change it and keep the digest. */
  readonly type: number
  /** In lower-case hex, by bank; only banks of SHA-1 and SHA-2. */
  readonly digests: Readonly<Partial<Record<HashName, string>>>
  /** Covered by the PCR only if the digest is its hash. */
  readonly data: Bytes
}

const MAX_LOG = 16 * 1024 * 1024
const MAX_DATA = 1024 * 1024
const MAX_EVENTS = 100_000
const MAX_ALGORITHMS = 16
const MAX_DIGEST = 64
const MAX_PCR = 23
/** PCR index of EV_NO_ACTION events that belong to no PCR. */
const NO_PCR = 0xffffffff

/**
 * Parses a crypto-agile event log, the format of Linux' `binary_bios_measurements` (TCG PC Client
 * Platform Firmware Profile, section 10). Each event must have at least one digest, and at most one of each
 * algorithm in the header (Windows lists banks there that it does not log); no bytes may follow the last
 * event.
 *
 * @returns the events after the header; of an EV_NO_ACTION event the PCR may be 0xFFFFFFFF
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`; also over 16 MiB, 100 000 events, or 1 MiB of data in
 * one event, and for the SHA-1-only format of TPM 1.2
 */
export function parseEventLog(bytes: Uint8Array): MeasuredEvent[] {
  const reader = new Reader(bytes, true)
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

/** Reads a TCG_PCClientPCREvent in the old format, whose data is a TCG_EfiSpecIdEvent. */
function readHeader(reader: Reader): Algorithms {
  const pcr = reader.u32('header.pcrIndex')
  const type = reader.u32('header.eventType')
  const digest = reader.take(HASHES.sha1.size, 'header.digest')
  if (pcr !== 0 || type !== EVENT_TYPE.EV_NO_ACTION || digest.some((byte) => byte !== 0)) {
    reader.fail('header', 'is not crypto-agile')
  }
  const header = new Reader(
    reader.take(sizeOf(reader, 'header.eventDataSize'), 'header.event'),
    true,
  )
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
  if (!header.done) header.fail('header', 'is longer than its content')
  return algorithms
}

function readEvent(reader: Reader, index: number, algorithms: Algorithms): MeasuredEvent {
  const pcr = reader.u32('pcrIndex')
  const type = reader.u32('eventType')
  if (pcr > MAX_PCR && !(pcr === NO_PCR && type === EVENT_TYPE.EV_NO_ACTION)) {
    reader.fail('pcrIndex', `is ${pcr}`)
  }
  const digests = readDigests(reader, algorithms)
  const data = reader.take(sizeOf(reader, 'eventSize'), 'event')
  return { index, pcr, type, digests, data }
}

function readDigests(reader: Reader, algorithms: Algorithms): MeasuredEvent['digests'] {
  const count = reader.u32('digests.count')
  if (count < 1 || count > algorithms.size) reader.fail('digests.count', `is ${count}`)
  const digests: Partial<Record<HashName, string>> = {}
  const seen = new Set<number>()
  for (let i = 0; i < count; i++) {
    const id = reader.u16('digest.hashAlg')
    const size = algorithms.get(id)
    if (size === undefined || seen.has(id)) {
      return reader.fail('digest.hashAlg', 'is not in the header, or repeated')
    }
    seen.add(id)
    const digest = reader.take(size, 'digest')
    const hash = hashName(id)
    if (hash !== undefined) digests[hash] = toHex(digest)
  }
  return digests
}

function sizeOf(reader: Reader, field: string): number {
  const size = reader.u32(field)
  return size <= MAX_DATA ? size : reader.fail(field, `is ${size}, the limit is ${MAX_DATA}`)
}
