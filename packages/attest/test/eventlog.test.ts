import { tpmVector } from '@nomyo-internal/testing/vectors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PolicyError } from '../src/errors.js'
import {
  EVENT_TYPE,
  isDataMeasured,
  measuredBoot,
  parseEventLog,
  replayEventLog,
  type MeasuredBootOptions,
  type MeasuredEvent,
  type ProvenEvent,
} from '../src/eventlog/index.js'
import type { PcrValues } from '../src/evidence/evidence.js'
import { isRefused as isParserRefusing } from './support/appraisal.js'
import {
  event,
  eventLog,
  header,
  replay,
  u16le,
  u32le,
  type Bank,
  type Header,
  type LoggedEvent,
} from './support/event-log.js'

const vector = tpmVector<{
  eventlog_b64: string
  pcr_values: Record<Bank, Record<string, string>>
}>('eventlog')
const vectorLog = new Uint8Array(Buffer.from(vector.eventlog_b64, 'base64'))
const vectorPcrs = vector.pcr_values

const appraised = (
  log: Uint8Array,
  quoted: PcrValues,
  options: Omit<MeasuredBootOptions, 'log'> = {},
): string => {
  const { status, code } = measuredBoot({ log, ...options }).appraise(quoted)
  return `${status} ${code}`
}

const PASS = 'pass EVENTLOG_REPLAYED'
const MISMATCH = 'fail EVENTLOG_REPLAY_MISMATCH'
const NOT_QUOTED = 'fail EVENTLOG_PCR_NOT_QUOTED'
const UNKNOWN = 'fail EVENTLOG_TYPE_UNKNOWN'
const DATA = 'fail EVENTLOG_DATA_NOT_MEASURED'
const FIRMWARE_ERROR = 'fail EVENTLOG_FIRMWARE_ERROR'

const zeros = Buffer.alloc(4)
const text = (value: string) => Buffer.from(value)
const { EV_SEPARATOR } = EVENT_TYPE
const separator = (pcr: number): LoggedEvent => ({ pcr, type: EV_SEPARATOR, data: zeros })
const boot: LoggedEvent[] = [
  { pcr: 0, type: EVENT_TYPE.EV_S_CRTM_VERSION, data: text('1.0') },
  { pcr: 0, type: 0x80000008, data: text('where it is'), measured: text('firmware') },
  { pcr: 7, type: EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG, data: text('SecureBoot 1') },
  { pcr: 4, type: EVENT_TYPE.EV_EFI_ACTION, data: text('Calling EFI Application') },
  separator(0),
  separator(4),
  separator(7),
  { pcr: 7, type: EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY, data: text('db key') },
  { pcr: 4, type: 0x80000003, data: text('path'), measured: text('boot loader') },
]
const locality = (value: number): LoggedEvent => ({
  pcr: 0,
  type: EVENT_TYPE.EV_NO_ACTION,
  data: Buffer.concat([text('StartupLocality\0'), Buffer.of(value)]),
})
const BANKS = ['sha1', 'sha256', 'sha384'] as const

/** The verdict on a log of a boot with these events. */
const appraisedBoot = (
  events: readonly LoggedEvent[],
  options: Omit<MeasuredBootOptions, 'log'> = {},
  banks: readonly Bank[] = BANKS,
) => appraised(eventLog(banks, events), replay(banks, events), options)

const isRefused = (bytes: Uint8Array) => isParserRefusing(() => parseEventLog(bytes))

describe('the event log of the vectors', () => {
  const events = parseEventLog(vectorLog)

  it.each(['sha1', 'sha256', 'sha384'] as const)('replays to the quoted %s values', (bank) => {
    const { 0: first, 7: seventh } = vectorPcrs[bank]
    expect(replayEventLog(events, bank)).toEqual({ 0: first, 7: seventh })
  })

  it('has the events of its boot', () => {
    expect(events.map(({ index, pcr, type }) => [index, pcr, type])).toEqual([
      [0, 0, EVENT_TYPE.EV_S_CRTM_VERSION],
      [1, 7, EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG],
      [2, 7, EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG],
      [3, 0, EV_SEPARATOR],
      [4, 7, EV_SEPARATOR],
    ])
    expect(Object.keys(events[0]?.digests ?? {})).toEqual(['sha1', 'sha256', 'sha384'])
  })

  it('replays to nothing in a bank without digests', () => {
    expect(replayEventLog(events, 'sha512')).toEqual({})
  })

  it('replays to the quoted PCRs', () => {
    const { sha256, sha384 } = vectorPcrs
    expect(appraised(vectorLog, { sha256 })).toBe(PASS)
    expect(appraised(vectorLog, { sha384 })).toBe(PASS)
    expect(appraised(vectorLog, vectorPcrs)).toBe(PASS)
    expect(appraised(vectorLog, { sha256: { 7: sha256[7]! } }, { pcrs: [7] })).toBe(PASS)
  })

  it('replays to nothing else', () => {
    const { sha256, sha384 } = vectorPcrs
    const other = { ...sha256, 7: '00'.repeat(32) }
    expect(appraised(vectorLog, { sha256: other })).toBe(MISMATCH)
    expect(appraised(vectorLog, { sha256: other, sha384 })).toBe(MISMATCH)
    expect(appraised(vectorLog, { sha256: { ...sha256, 1: '00'.repeat(32) } })).toBe(MISMATCH)
  })

  it('requires the PCRs in a strong bank of the log', () => {
    const { sha1, sha256 } = vectorPcrs
    expect(appraised(vectorLog, {})).toBe(NOT_QUOTED)
    expect(appraised(vectorLog, { sha1 })).toBe(NOT_QUOTED)
    expect(appraised(vectorLog, { sha512: { 0: '00'.repeat(64) } })).toBe(NOT_QUOTED)
    expect(appraised(vectorLog, { sha256: { 10: sha256[10]! } })).toBe(NOT_QUOTED)
    expect(appraised(vectorLog, { sha256: { 0: sha256[0]! } }, { pcrs: [0, 7] })).toBe(NOT_QUOTED)
    const first = { sha1, sha256: { 0: sha256[0]! } }
    expect(appraised(vectorLog, first, { pcrs: [7] })).toBe(NOT_QUOTED)
  })

  it('must replay to every quoted strong bank', () => {
    const elsewhere = { pcr: 0, type: EVENT_TYPE.EV_S_CRTM_VERSION, data: text('another boot') }
    const quoted = { sha256: vectorPcrs.sha256, ...replay(['sha384'], [elsewhere]) }
    // A bank that the firmware did not extend, extended later with a fictitious boot.
    expect(appraised(eventLog(['sha384'], [elsewhere]), quoted, { pcrs: [0] })).toBe(NOT_QUOTED)
    expect(appraised(vectorLog, quoted, { pcrs: [0] })).toBe(MISMATCH)
    expect(appraised(vectorLog, quoted, { pcrs: [7] })).toBe(PASS)
  })

  it('is refused or replays to another value when it is cut off', () => {
    for (let length = 0; length < vectorLog.length; length++) {
      const log = vectorLog.subarray(0, length)
      expect(appraised(log, vectorPcrs)).toMatch(
        /^fail EVENTLOG_(MALFORMED|REPLAY_MISMATCH|PCR_NOT)/,
      )
    }
  })
})

describe('a log', () => {
  it('replays to its boot', () => {
    expect(appraisedBoot(boot)).toBe(PASS)
    expect(appraisedBoot(boot, {}, ['sha512'])).toBe(PASS)
    expect(appraisedBoot(boot, {}, ['sha1'])).toBe(NOT_QUOTED)
  })

  it.each([0, 3, 4])('may start at locality %i', (value) => {
    const events = [locality(value), ...boot]
    const log = eventLog(BANKS, events)
    expect(appraised(log, replay(BANKS, events, value))).toBe(PASS)
    expect(appraised(log, replay(BANKS, events, value ^ 1))).toBe(MISMATCH)
  })

  it('states its locality before PCR 0 is extended, and once', () => {
    const late = [...boot, locality(3)]
    expect(appraised(eventLog(BANKS, late), replay(BANKS, late))).toBe(PASS)
    expect(appraised(eventLog(BANKS, late), replay(BANKS, late, 3))).toBe(MISMATCH)
    const twice = [locality(4), locality(3), ...boot]
    expect(appraised(eventLog(BANKS, twice), replay(BANKS, twice, 4))).toBe(PASS)
  })

  it('states its locality also with zeros behind it', () => {
    const { data } = locality(3)
    const events = [{ ...locality(3), data: Buffer.concat([data, Buffer.alloc(3)]) }, ...boot]
    expect(appraised(eventLog(BANKS, events), replay(BANKS, events, 3))).toBe(PASS)
  })

  it('of a hardware root of trust begins at locality 4', () => {
    const hcrtm = { pcr: 0, type: EVENT_TYPE.EV_EFI_HCRTM_EVENT, data: text('HCRTM') }
    const first = [hcrtm, ...boot]
    expect(appraised(eventLog(BANKS, first), replay(BANKS, first, 4))).toBe(PASS)
    expect(appraised(eventLog(BANKS, first), replay(BANKS, first))).toBe(MISMATCH)
    const later = [...boot, hcrtm]
    expect(appraised(eventLog(BANKS, later), replay(BANKS, later))).toBe(PASS)
  })

  it('needs a digest of each event for each quoted bank', () => {
    const log = Buffer.concat([
      header(BANKS),
      ...boot.map((one) => event(BANKS, one)),
      event(['sha1', 'sha256'], { pcr: 4, type: 0x80000003, data: text('hidden from SHA-384') }),
    ])
    const values = replay(BANKS, boot)
    expect(appraised(log, { sha384: values['sha384']! })).toBe('fail EVENTLOG_DIGEST_MISSING')
    const withIt = [...boot, { pcr: 4, type: 0x80000003, data: text('hidden from SHA-384') }]
    expect(appraised(log, { sha256: replay(BANKS, withIt)['sha256']! })).toBe(PASS)
    expect(appraised(log, { sha384: values['sha384']! }, { pcrs: [0, 7] })).toBe(PASS)
  })

  it('ignores other events as a locality', () => {
    const { data } = locality(3)
    for (const other of [
      { pcr: 1 },
      { data: data.subarray(0, 16) },
      { data: Buffer.concat([data, Buffer.of(0, 1)]) },
      { data: Buffer.concat([text('startupLocality\0'), Buffer.of(3)]) },
    ]) {
      const events = [{ ...locality(3), ...other }, ...boot]
      expect(appraised(eventLog(BANKS, events), replay(BANKS, events, 3))).toBe(MISMATCH)
      expect(appraised(eventLog(BANKS, events), replay(BANKS, events))).toBe(PASS)
    }
  })

  it('extends dynamic PCRs from all ones', () => {
    const events = [17, 22, 16, 23].map((pcr) => ({ pcr, type: 0x5, data: text('launch') }))
    const { sha256 } = replay(['sha256'], events)
    expect(replayEventLog(parseEventLog(eventLog(['sha256'], events)), 'sha256')).toEqual(sha256)
  })

  it('may have events of no PCR that extend nothing', () => {
    const begun = (pcr: number, type: number) =>
      appraisedBoot([{ pcr, type, data: text('SP800-155') }, ...boot])
    expect(begun(0xffffffff, 3)).toBe(PASS)
    expect(begun(0xffffffff, 5)).toBe('fail EVENTLOG_MALFORMED')
    expect(begun(24, 3)).toBe('fail EVENTLOG_MALFORMED')
  })

  it('must not lack the events of a PCR', () => {
    const quoted = replay(BANKS, boot)
    const others = boot.filter(({ pcr }) => pcr !== 4)
    const without = eventLog(BANKS, others)
    expect(appraised(without, quoted)).toBe(MISMATCH)
    expect(appraised(without, quoted, { pcrs: [0, 7] })).toBe(PASS)
    expect(appraised(eventLog(BANKS, []), { sha256: { 0: '00'.repeat(32) } })).toBe(NOT_QUOTED)
  })

  it('is malformed when it has another type', () => {
    const log = 'AAAA' as unknown as Uint8Array
    expect(appraised(log, vectorPcrs)).toBe('fail EVENTLOG_MALFORMED')
  })

  it('is appraised for any bytes', () => {
    const random = fc.uint8Array({ maxLength: 300 })
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    const changed = changes.map((list) => {
      const log = new Uint8Array(vectorLog)
      for (const [position, byte] of list) log[position % log.length] = byte
      return log
    })
    fc.assert(
      fc.property(fc.oneof(random, changed), (log) => {
        isRefused(log)
        expect(measuredBoot({ log }).appraise(vectorPcrs).code).toMatch(/^EVENTLOG_/)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('events', () => {
  const appraisedWith = (one: LoggedEvent, options: Omit<MeasuredBootOptions, 'log'> = {}) =>
    appraisedBoot([...boot, one], options)

  it.each([0x0, 0x2, 0x14, 0x80000000, 0x8000000e, 0x800000e5, 0x80000100, 0xffffffff])(
    'of the unknown type %i are refused unless allowed',
    (type) => {
      const one = { pcr: 4, type, data: text('?') }
      expect(appraisedWith(one)).toBe(UNKNOWN)
      expect(appraisedWith(one, { allowedEventTypes: [type] })).toBe(PASS)
      expect(appraisedWith(one, { allowedEventTypes: [type ^ 1] })).toBe(UNKNOWN)
      // PCR 8 belongs to the boot loader, and is not appraised.
      expect(appraisedWith({ ...one, pcr: 8 })).toBe(PASS)
      expect(appraisedWith({ ...one, pcr: 8 }, { pcrs: [0, 8] })).toBe(UNKNOWN)
    },
  )

  it.each([0x1, 0x5, 0x8, 0x13, 0x80000002, 0x8000000d, 0x80000010, 0x800000e1, 0x800000e4])(
    'of the type %i may measure data outside the log',
    (type) => {
      expect(isDataMeasured(type)).toBe(false)
      expect(appraisedWith({ pcr: 4, type, data: text('a'), measured: text('b') })).toBe(PASS)
    },
  )

  it('of a firmware version are passed on with the proof of their text, or without', () => {
    const version = { pcr: 0, type: EVENT_TYPE.EV_S_CRTM_VERSION, data: text('2.3.5') }
    const proofs = (one: LoggedEvent): boolean[] => {
      const shown: boolean[] = []
      const allow = ({ index, isDataProven }: ProvenEvent) => {
        if (index === boot.length) shown.push(isDataProven)
        return true
      }
      expect(appraisedWith(one, { allow })).toBe(PASS)
      return shown
    }
    expect(proofs(version)).toEqual([true])
    expect(proofs({ ...version, measured: text('another') })).toEqual([false])
  })

  it('that are separators of Windows end its own PCRs only', () => {
    const wbcl = { ...separator(12), data: text('WBCL') }
    expect(appraisedWith(wbcl, { pcrs: [0, 12] })).toBe(PASS)
    expect(appraisedWith({ ...wbcl, pcr: 15 }, { pcrs: [0, 15] })).toBe(FIRMWARE_ERROR)
    expect(appraisedWith({ ...wbcl, pcr: 4 })).toBe(FIRMWARE_ERROR)
  })

  it.each([
    EV_SEPARATOR,
    EVENT_TYPE.EV_EFI_ACTION,
    EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG,
    EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY,
  ])('of the type %i measure their data', (type) => {
    expect(isDataMeasured(type)).toBe(true)
    expect(appraisedWith({ pcr: 7, type, data: zeros })).toBe(PASS)
    expect(appraisedWith({ pcr: 7, type, data: zeros, measured: text('b') })).toBe(DATA)
    expect(appraisedWith({ pcr: 9, type, data: zeros, measured: text('b') })).toBe(PASS)
  })

  it('of an authority may have the additional byte of old shims', () => {
    const authority = (data: string): LoggedEvent => ({
      pcr: 7,
      type: EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY,
      data: text(data),
      measured: text('vendor cert'),
    })
    expect(appraisedWith(authority('vendor cert\0'))).toBe(PASS)
    expect(appraisedWith(authority('vendor cert\0\0'))).toBe(DATA)
    const { EV_EFI_VARIABLE_DRIVER_CONFIG: type } = EVENT_TYPE
    expect(appraisedWith({ ...authority('x'), type })).toBe(DATA)
  })

  it('that are separators report no error', () => {
    const of = (data: Uint8Array, measured = data) =>
      appraisedWith({ ...separator(4), data, measured })
    expect(of(Buffer.alloc(4, 0xff))).toBe(PASS)
    expect(of(u32le(1))).toBe(FIRMWARE_ERROR)
    expect(of(text('error'), u32le(1))).toBe(DATA)
    expect(of(Buffer.of())).toBe(FIRMWARE_ERROR)
  })

  it('cannot be relabelled', () => {
    const relabelled = boot.map((one) =>
      one.type === 0x80000003 ? { ...one, type: EVENT_TYPE.EV_EFI_VARIABLE_AUTHORITY } : one,
    )
    expect(appraisedBoot(relabelled)).toBe(DATA)
  })

  it('are passed to allow when they extended an appraised PCR', () => {
    const shown: number[] = []
    const allow = ({ index }: { index: number }) => shown.push(index) > 0
    const events = [locality(0), ...boot, { pcr: 8, type: 0xd, data: text('grub') }]
    expect(appraisedBoot(events, { allow, pcrs: [0, 7] })).toBe(PASS)
    const ofPcrs = events.flatMap(({ pcr, type }, index) =>
      [0, 7].includes(pcr) && type !== EVENT_TYPE.EV_NO_ACTION ? [index] : [],
    )
    expect(shown).toEqual(ofPcrs)
  })

  it('are passed with the quoted digests only', () => {
    const banks: string[] = []
    const allow = ({ digests }: MeasuredEvent) => banks.push(...Object.keys(digests)) > 0
    const { sha256 } = replay(BANKS, boot)
    expect(appraised(eventLog(BANKS, boot), { sha256: sha256! }, { allow })).toBe(PASS)
    expect(new Set(banks)).toEqual(new Set(['sha256']))
  })

  it('are not passed when the log does not replay to the quote', () => {
    const allow = () => {
      throw new Error('asked')
    }
    expect(appraised(eventLog(BANKS, boot), vectorPcrs, { allow })).toBe(MISMATCH)
  })

  it('are refused by allow', () => {
    const allow = ({ data }: { data: Uint8Array }) => !text('SecureBoot 1').equals(data)
    expect(appraisedBoot(boot, { allow })).toBe('fail EVENTLOG_EVENT_REFUSED')
    expect(appraisedBoot(boot, { allow, pcrs: [0, 4] })).toBe(PASS)
  })
})

describe('the policy', () => {
  it.each([[[]], [[16]], [[23]], [[-1]], [[0.5]], [[0, 17]], [[NaN]]])(
    'refuses the PCRs %j',
    (pcrs) => {
      expect(() => measuredBoot({ log: vectorLog, pcrs })).toThrow(PolicyError)
    },
  )
})

describe('the format', () => {
  const SHA1 = [4, 20] as [number, number]
  const SHA256 = [0xb, 32] as [number, number]
  const log = (changes: Header) =>
    Buffer.concat([header(BANKS, changes), event(BANKS, separator(0))])

  it('is parsed', () => {
    expect(isRefused(log({}))).toBe(false)
    expect(isRefused(log({ tail: Buffer.of(3, 1, 2, 3) }))).toBe(false)
  })

  it.each<[string, Header]>([
    ['a header of another PCR', { pcr: 1 }],
    ['a header of another type', { type: 4 }],
    ['a header with a digest', { digest: Buffer.alloc(20, 1) }],
    ['another signature', { signature: 'Spec ID Event02\0' }],
    ['no algorithm', { algorithms: [] }],
    ['more algorithms than it lists', { count: 4 }],
    ['fewer algorithms than it lists', { count: 2 }],
    ['a huge number of algorithms', { count: 0xffffffff }],
    ['an algorithm twice', { algorithms: [SHA1, SHA256, SHA256] }],
    ['SHA-256 of 20 bytes', { algorithms: [SHA1, [0xb, 20], [0xc, 48]] }],
    ['an unknown algorithm of no bytes', { algorithms: [SHA1, SHA256, [0x12, 0]] }],
    ['an unknown algorithm of 65 bytes', { algorithms: [SHA1, SHA256, [0x12, 65]] }],
    ['vendor information that is cut off', { tail: Buffer.of(3, 1) }],
    ['no vendor information', { tail: Buffer.of() }],
    ['bytes after the vendor information', { tail: Buffer.of(1, 1, 1) }],
  ])('refuses %s', (_, changes) => {
    expect(isRefused(log(changes))).toBe(true)
  })

  it('may have digests of unknown banks', () => {
    const sm3 = Buffer.concat([
      header([], { algorithms: [SHA256, [0x12, 32]] }),
      ...[0, 4, 2].map(u32le),
      ...[u16le(0x12), Buffer.alloc(32, 1), u16le(0xb), Buffer.alloc(32, 2), u32le(0)],
    ])
    expect(parseEventLog(sm3).map(({ digests }) => digests)).toEqual([{ sha256: '02'.repeat(32) }])
  })

  it.each<[string, readonly Bank[]]>([
    ['no digest', []],
    ['more digests than banks', ['sha1', 'sha256', 'sha384', 'sha512']],
    ['a digest of another bank', ['sha1', 'sha256', 'sha512']],
    ['two digests of one bank', ['sha1', 'sha256', 'sha256']],
  ])('refuses an event with %s', (_, banks) => {
    expect(isRefused(Buffer.concat([header(BANKS), event(banks, separator(0))]))).toBe(true)
  })

  it('has at most 1 MiB of data in an event', () => {
    const of = (size: number) =>
      isRefused(eventLog(['sha256'], [{ pcr: 0, type: 5, data: new Uint8Array(size) }]))
    expect(of(1024 * 1024)).toBe(false)
    expect(of(1024 * 1024 + 1)).toBe(true)
  })

  it('has at most 100 000 events and 16 MiB', () => {
    const one = event(['sha256'], { pcr: 0, type: 5, data: Buffer.of() })
    const of = (count: number, each = one) =>
      Buffer.concat([header(['sha256']), ...Array<Buffer>(count).fill(each)])
    expect(parseEventLog(of(100_000)).length).toBe(100_000)
    expect(isRefused(of(100_001))).toBe(true)
    const large = event(['sha256'], { pcr: 0, type: 5, data: new Uint8Array(1024 * 1024) })
    expect(isRefused(of(15, large))).toBe(false)
    expect(isRefused(of(16, large))).toBe(true)
  })

  it('is read from a view of a larger buffer', () => {
    const larger = new Uint8Array(vectorLog.length + 8).fill(0xff)
    larger.set(vectorLog, 4)
    const view = larger.subarray(4, 4 + vectorLog.length)
    expect(parseEventLog(view)).toEqual(parseEventLog(vectorLog))
  })
})
