import { tpmVector } from '@nomyo-internal/testing/vectors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PcrValues } from '../src/evidence/evidence.js'
import { imaLog, parseImaLog, replayImaLog, type ImaLogOptions } from '../src/ima/index.js'
import { isRefused as isParserRefusing } from './support/appraisal.js'
import { hash, u32le, type Bank } from './support/event-log.js'

const { ima_ascii: vectorLog, pcr_values: vectorPcrs } = tpmVector<{
  ima_ascii: string
  pcr_values: Record<Bank, Record<string, string>>
}>('eventlog')

const appraised = (
  log: string,
  quoted: PcrValues,
  options: Omit<ImaLogOptions, 'log'> = {},
): string => {
  const { status, code } = imaLog({ log, ...options }).appraise(quoted)
  return `${status} ${code}`
}

const PASS = 'pass IMA_REPLAYED'
const MISMATCH = 'fail IMA_REPLAY_MISMATCH'
const MALFORMED = 'fail IMA_MALFORMED'
const VIOLATION = 'warn IMA_VIOLATION'

/** An entry with the digest that the kernel extends a bank with; written without the code under test. */
interface Written {
  line: string
  extend: (bank: Bank) => Buffer
}

const field = (data: Uint8Array) => Buffer.concat([u32le(data.length), data])

function entry(
  path: string,
  { algorithm = 'sha256', signature }: { algorithm?: Bank; signature?: string } = {},
): Written {
  const digest = hash(algorithm, Buffer.from(`content of ${path}`))
  const data = Buffer.concat([
    field(Buffer.concat([Buffer.from(`${algorithm}:\0`), digest])),
    field(Buffer.from(`${path}\0`)),
    ...(signature === undefined ? [] : [field(Buffer.from(signature, 'hex'))]),
  ])
  const template = signature === undefined ? 'ima-ng' : 'ima-sig'
  const tail = signature === undefined ? '' : ` ${signature}`
  const templateHash = hash('sha1', data).toString('hex')
  return {
    line: `10 ${templateHash} ${template} ${algorithm}:${digest.toString('hex')} ${path}${tail}\n`,
    extend: (bank) => hash(bank, data),
  }
}

const violation: Written = {
  line: `10 ${'0'.repeat(40)} ima-ng sha256:${'0'.repeat(64)} /var/log/racy.log\n`,
  extend: (bank) => Buffer.alloc(hash(bank).length, 0xff),
}
const bootAggregate = entry('boot_aggregate')

const logOf = (entries: readonly Written[]) => entries.map(({ line }) => line).join('')
const pcrOf = (bank: Bank, entries: readonly Written[], padded = false): string =>
  entries
    .reduce(
      (pcr, { extend }) => {
        const value = Buffer.alloc(pcr.length)
        extend(padded ? 'sha1' : bank).copy(value)
        return hash(bank, pcr, value)
      },
      Buffer.alloc(hash(bank).length),
    )
    .toString('hex')
const quote = (
  entries: readonly Written[],
  banks: Bank[] = ['sha256'],
  padded = false,
): PcrValues =>
  Object.fromEntries(banks.map((bank) => [bank, { 10: pcrOf(bank, entries, padded) }]))

const isRefused = (text: string) => isParserRefusing(() => parseImaLog(text))

describe('the IMA log of the vectors', () => {
  const entries = parseImaLog(vectorLog)

  it.each(['sha1', 'sha256', 'sha384'] as const)('replays to the quoted %s value', (bank) => {
    expect(replayImaLog(entries, bank)).toBe(vectorPcrs[bank][10])
  })

  it('has the entries it shows', () => {
    expect(entries.map(({ index, path, isViolation }) => [index, path, isViolation])).toEqual([
      [0, 'boot_aggregate', false],
      [1, '/usr/bin/nomyo-inference', false],
      [2, '/usr/lib/libmodel.so', false],
      [3, '/var/log/racy.log', true],
    ])
  })

  it('replays to the quoted PCR, and reports the violation', () => {
    const { sha256, sha384 } = vectorPcrs
    for (const quoted of [vectorPcrs, { sha256 }, { sha384 }]) {
      expect(appraised(vectorLog, quoted)).toBe(VIOLATION)
      expect(appraised(vectorLog, quoted, { violations: 'fail' })).toBe('fail IMA_VIOLATION')
    }
  })

  it('replays to nothing else', () => {
    const { sha256, sha384 } = vectorPcrs
    expect(appraised(vectorLog, { sha256: { 10: sha256[7]! } })).toBe(MISMATCH)
    expect(appraised(vectorLog, { sha256, sha384: { 10: sha384[7]! } })).toBe(MISMATCH)
    expect(appraised(vectorLog, { sha256: { 10: 'not hex' } })).toBe(MISMATCH)
  })

  it('requires PCR 10 in a strong bank', () => {
    const { sha1, sha256 } = vectorPcrs
    expect(appraised(vectorLog, {})).toBe('fail IMA_PCR_NOT_QUOTED')
    expect(appraised(vectorLog, { sha1 })).toBe('fail IMA_PCR_NOT_QUOTED')
    expect(appraised(vectorLog, { sha256: { 0: sha256[0]! } })).toBe('fail IMA_PCR_NOT_QUOTED')
  })

  it('is refused or replays to another value when it is cut off', () => {
    for (let length = 0; length < vectorLog.length; length++) {
      expect([MALFORMED, MISMATCH]).toContain(appraised(vectorLog.slice(0, length), vectorPcrs))
    }
  })

  it('fails when one character changes, except in the violation', () => {
    const measured = vectorLog.indexOf('10 0000')
    for (let position = 0; position < measured; position++) {
      const other = vectorLog[position] === 'a' ? 'b' : 'a'
      const log = vectorLog.slice(0, position) + other + vectorLog.slice(position + 1)
      expect([MALFORMED, MISMATCH]).toContain(appraised(log, vectorPcrs))
    }
  })

  it('is appraised for any text', () => {
    const changed = fc
      .tuple(fc.nat(vectorLog.length), fc.nat(5), fc.string())
      .map(
        ([start, count, text]) => vectorLog.slice(0, start) + text + vectorLog.slice(start + count),
      )
    const lines = fc.array(fc.oneof(fc.string(), fc.constantFrom(...vectorLog.split('\n'))))
    const joined = lines.map((list) => list.join('\n'))
    fc.assert(
      fc.property(fc.oneof(fc.string(), changed, joined), (log) => {
        isRefused(log)
        expect(imaLog({ log }).appraise(vectorPcrs).code).toMatch(/^IMA_/)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a log', () => {
  const files = ['/usr/bin/a', '/usr/bin/b_c', '/usr/lib/ü.so'].map((path) => entry(path))
  const entries = [bootAggregate, ...files]

  it('replays to its PCR in every strong bank', () => {
    const banks: Bank[] = ['sha1', 'sha256', 'sha384', 'sha512']
    expect(appraised(logOf(entries), quote(entries, banks))).toBe(PASS)
  })

  it('may continue after the quote', () => {
    const later = [...entries, violation, entry('/later')]
    expect(appraised(logOf(later), quote(entries))).toBe(PASS)
    const allow = ({ path }: { path: string }) => path !== '/later'
    const options = { allow, violations: 'fail' } as const
    expect(appraised(logOf(later), quote(entries), options)).toBe('pass IMA_ALLOWED')
    expect(appraised(logOf(later), quote(later), { allow })).toBe('fail IMA_ENTRY_REFUSED')
  })

  it('must not lack a measurement', () => {
    const [, ...rest] = files
    expect(appraised(logOf([bootAggregate, ...rest]), quote(entries))).toBe(MISMATCH)
    expect(appraised(logOf([bootAggregate]), quote(entries))).toBe(MISMATCH)
    expect(appraised('', quote([]))).toBe(MISMATCH)
    const swapped = [bootAggregate, ...files].reverse()
    expect(appraised(logOf(swapped), quote(entries))).toBe(MISMATCH)
  })

  it('replays to all banks at one entry', () => {
    const early = { ...quote(entries), ...quote(entries.slice(0, 2), ['sha384']) }
    expect(appraised(logOf(entries), early)).toBe(MISMATCH)
  })

  it('begins with boot_aggregate', () => {
    const code = 'fail IMA_NO_BOOT_AGGREGATE'
    expect(appraised(logOf(files), quote(files))).toBe(code)
    const line = violation.line.replace('/var/log/racy.log', 'boot_aggregate')
    const broken = { ...violation, line }
    expect(appraised(logOf([broken, ...files]), quote([broken, ...files]))).toBe(code)
  })

  it('of an old kernel gets a warning', () => {
    expect(appraised(logOf(entries), quote(entries, ['sha256'], true))).toBe('warn IMA_PADDED_SHA1')
    const parsed = parseImaLog(logOf(entries))
    for (const bank of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
      expect(replayImaLog(parsed, bank, { paddedSha1: true })).toBe(pcrOf(bank, entries, true))
      expect(replayImaLog(parsed, bank)).toBe(pcrOf(bank, entries))
    }
    const racy = [...entries, violation]
    expect(appraised(logOf(racy), quote(racy, ['sha256', 'sha384'], true))).toBe(VIOLATION)
  })

  it('does not mix two kernels', () => {
    const quoted = { ...quote(entries), ...quote(entries, ['sha384'], true) }
    expect(appraised(logOf(entries), quoted)).toBe(MISMATCH)
  })

  it('may have signatures', () => {
    const files = [entry('/a', { signature: '030204' }), entry('/b', { signature: '' })]
    const signed = [bootAggregate, ...files]
    expect(appraised(logOf(signed), quote(signed))).toBe(PASS)
    expect(parseImaLog(logOf(signed)).map(({ signature }) => signature)).toEqual(['', '030204', ''])
    const trimmed = logOf(signed).replace('/b \n', '/b\n')
    expect(appraised(trimmed, quote(signed))).toBe(PASS)
  })

  it('may have file hashes of SHA-384 and SHA-512', () => {
    const files = [entry('/a', { algorithm: 'sha384' }), entry('/b', { algorithm: 'sha512' })]
    const strong = [bootAggregate, ...files]
    expect(appraised(logOf(strong), quote(strong))).toBe(PASS)
  })

  it('may have a hash of SHA-1 for boot_aggregate, and for nothing else', () => {
    const old = entry('boot_aggregate', { algorithm: 'sha1' })
    expect(appraised(logOf([old, ...files]), quote([old, ...files]))).toBe(PASS)
    const again = [bootAggregate, old]
    expect(appraised(logOf(again), quote(again))).toBe(MALFORMED)
    const weak = [bootAggregate, entry('/a', { algorithm: 'sha1' })]
    expect(appraised(logOf(weak), quote(weak))).toBe(MALFORMED)
  })

  it('is malformed when it has another type', () => {
    const log = Buffer.from(vectorLog) as unknown as string
    expect(appraised(log, vectorPcrs)).toBe(MALFORMED)
  })
})

describe('allow', () => {
  const entries = [bootAggregate, entry('/a'), violation, entry('boot_aggregate'), entry('/b')]
  const log = logOf(entries)
  const quoted = quote(entries)

  it('receives each measured entry except the first', () => {
    const asked: number[] = []
    const allow = ({ index }: { index: number }) => asked.push(index) > 0
    expect(appraised(log, quoted, { allow })).toBe(VIOLATION)
    expect(asked).toEqual([1, 3, 4])
  })

  it('decides', () => {
    const known = new Map(parseImaLog(log).map(({ path, digest }) => [path, digest]))
    const allow: ImaLogOptions['allow'] = ({ path, digest }) => known.get(path) === digest
    expect(appraised(log, quoted, { allow })).toBe(VIOLATION)
    known.set('/b', '00'.repeat(32))
    expect(appraised(log, quoted, { allow })).toBe('fail IMA_ENTRY_REFUSED')
    known.delete('/b')
    expect(appraised(log, quoted, { allow })).toBe('fail IMA_ENTRY_REFUSED')
  })

  it('is not called when the log does not replay to the quote', () => {
    const allow = () => {
      throw new Error('asked')
    }
    expect(appraised(log, vectorPcrs, { allow })).toBe(MISMATCH)
  })

  it('quotes a path of the machine in the detail', () => {
    const odd = [bootAggregate, entry('/a"\u0007\u001b[2J')]
    const verdict = imaLog({ log: logOf(odd), allow: () => false }).appraise(quote(odd))
    expect(verdict.code).toBe('IMA_ENTRY_REFUSED')
    expect(verdict.detail).toContain(String.raw`("/a\"\u0007\u001b[2J")`)
  })
})

describe('the format', () => {
  const { line } = entry('/usr/bin/a')
  const first = bootAggregate.line
  const signed = entry('/a', { signature: '0302' }).line

  it.each<[string, string]>([
    ['of another PCR', line.replace('10', '11')],
    ['of another template', line.replace('ima-ng', 'ima-buf')],
    ['of the oldest template', line.replace('ima-ng', 'ima')],
    ['with a signature in ima-ng', line.replace('\n', ' 0302\n')],
    ['with an empty signature in ima-ng', line.replace('\n', ' \n')],
    ['with half a byte of signature', signed.replace('0302', '030')],
    ['with another signature', signed.replace('0302', '0303')],
    ['with a wrong hash', line.replace(/^10 ./, (start) => (start === '10 a' ? '10 b' : '10 a'))],
    ['whose hash is short', line.replace(/^10 ../, '10 ')],
    ['whose digest is short', line.replace(/sha256:../, 'sha256:')],
    ['of another algorithm', line.replace('sha256', 'sha512')],
    ['of an unknown algorithm', line.replace('sha256', 'sha224')],
    ['in upper case', line.replace(/(?<=sha256:)[0-9a-f]+/, (digest) => digest.toUpperCase())],
    ['with another path', line.replace('/usr/bin/a', '/usr/bin/b')],
    ['without a path', line.replace('/usr/bin/a', '')],
    ['with a path of two words', line.replace('/usr/bin/a', '/usr/bin/a b')],
    ['with CR at its end', line.replace('\n', '\r\n')],
    ['that is empty', '\n'],
    ['with a space in front', ` ${line}`],
  ])('refuses a line %s', (_, text) => {
    expect(isRefused(first + line)).toBe(false)
    expect(isRefused(first + text)).toBe(true)
  })

  it.each([0, 1, 5])('names the line that is refused, after %d others', (others) => {
    const log = `${first}${line.repeat(others)}${line.replace('ima-ng', 'ima')}`
    expect(() => parseImaLog(log)).toThrow(expect.objectContaining({ line: others + 2 }) as Error)
  })

  it('has at most 16 Mi characters', () => {
    const { line: short } = violation
    const fitting = Math.floor((16 * 1024 * 1024) / short.length)
    expect(parseImaLog(short.repeat(fitting)).length).toBe(fitting)
    expect(isRefused(short.repeat(fitting + 1))).toBe(true)
  })
})
