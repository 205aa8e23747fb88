import { createHash } from 'node:crypto'
import { tpmVector } from '@nomyo-internal/testing/vectors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TpmParseError } from '../src/errors.js'
import type { PcrValues } from '../src/evidence/evidence.js'
import { imaLog, parseImaLog, replayImaLog, type ImaLogOptions } from '../src/ima/index.js'

type Bank = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const { ima_ascii: vectorLog, pcr_values: vectorPcrs } = tpmVector<{
  ima_ascii: string
  pcr_values: Record<Bank, Record<string, string>>
}>('eventlog')

const judged = (
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

/** An entry, and what the kernel extends a bank with for it; written without the code under test. */
interface Written {
  line: string
  extend: (bank: Bank) => Buffer
}

const hash = (bank: Bank, ...pieces: Uint8Array[]) =>
  createHash(bank).update(Buffer.concat(pieces)).digest()

function field(data: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(data.length)
  return Buffer.concat([length, data])
}

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

function isRefused(text: string): boolean {
  try {
    parseImaLog(text)
    return false
  } catch (error) {
    if (error instanceof TpmParseError && error.code === 'ERR_STRUCTURE_INVALID') return true
    throw error
  }
}

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

  it('explains what was quoted, and reports the violation', () => {
    const { sha256, sha384 } = vectorPcrs
    for (const quoted of [vectorPcrs, { sha256 }, { sha384 }]) {
      expect(judged(vectorLog, quoted)).toBe(VIOLATION)
      expect(judged(vectorLog, quoted, { violations: 'fail' })).toBe('fail IMA_VIOLATION')
    }
  })

  it('explains nothing else', () => {
    const { sha256, sha384 } = vectorPcrs
    expect(judged(vectorLog, { sha256: { 10: sha256[7]! } })).toBe(MISMATCH)
    expect(judged(vectorLog, { sha256, sha384: { 10: sha384[7]! } })).toBe(MISMATCH)
    expect(judged(vectorLog, { sha256: { 10: 'not hex' } })).toBe(MISMATCH)
  })

  it('needs PCR 10 quoted in a strong bank', () => {
    const { sha1, sha256 } = vectorPcrs
    expect(judged(vectorLog, {})).toBe('fail IMA_PCR_NOT_QUOTED')
    expect(judged(vectorLog, { sha1 })).toBe('fail IMA_PCR_NOT_QUOTED')
    expect(judged(vectorLog, { sha256: { 0: sha256[0]! } })).toBe('fail IMA_PCR_NOT_QUOTED')
  })

  it('is refused or replays to something else when it ends early', () => {
    for (let length = 0; length < vectorLog.length; length++) {
      expect([MALFORMED, MISMATCH]).toContain(judged(vectorLog.slice(0, length), vectorPcrs))
    }
  })

  it('explains nothing when a character is another, but for those of the violation', () => {
    const measured = vectorLog.indexOf('10 0000')
    for (let position = 0; position < measured; position++) {
      const other = vectorLog[position] === 'a' ? 'b' : 'a'
      const log = vectorLog.slice(0, position) + other + vectorLog.slice(position + 1)
      expect([MALFORMED, MISMATCH]).toContain(judged(log, vectorPcrs))
    }
  })

  it('is judged whatever the text', () => {
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

  it('explains the PCR it was kept of, in every strong bank', () => {
    const banks: Bank[] = ['sha1', 'sha256', 'sha384', 'sha512']
    expect(judged(logOf(entries), quote(entries, banks))).toBe(PASS)
  })

  it('may go on after the quote', () => {
    const later = [...entries, violation, entry('/later')]
    expect(judged(logOf(later), quote(entries))).toBe(PASS)
    const allow = ({ path }: { path: string }) => path !== '/later'
    expect(judged(logOf(later), quote(entries), { allow, violations: 'fail' })).toBe(
      'pass IMA_ALLOWED',
    )
    expect(judged(logOf(later), quote(later), { allow })).toBe('fail IMA_ENTRY_REFUSED')
  })

  it('may not lack what was measured', () => {
    const [, ...rest] = files
    expect(judged(logOf([bootAggregate, ...rest]), quote(entries))).toBe(MISMATCH)
    expect(judged(logOf([bootAggregate]), quote(entries))).toBe(MISMATCH)
    expect(judged('', quote([]))).toBe(MISMATCH)
    const swapped = [bootAggregate, ...files].reverse()
    expect(judged(logOf(swapped), quote(entries))).toBe(MISMATCH)
  })

  it('explains all banks at one point', () => {
    const early = { ...quote(entries), ...quote(entries.slice(0, 2), ['sha384']) }
    expect(judged(logOf(entries), early)).toBe(MISMATCH)
  })

  it('begins with boot_aggregate', () => {
    const code = 'fail IMA_NO_BOOT_AGGREGATE'
    expect(judged(logOf(files), quote(files))).toBe(code)
    const broken = {
      ...violation,
      line: violation.line.replace('/var/log/racy.log', 'boot_aggregate'),
    }
    expect(judged(logOf([broken, ...files]), quote([broken, ...files]))).toBe(code)
  })

  it('of an old kernel is accepted with a warning', () => {
    expect(judged(logOf(entries), quote(entries, ['sha256'], true))).toBe('warn IMA_PADDED_SHA1')
    const parsed = parseImaLog(logOf(entries))
    for (const bank of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
      expect(replayImaLog(parsed, bank, { paddedSha1: true })).toBe(pcrOf(bank, entries, true))
      expect(replayImaLog(parsed, bank)).toBe(pcrOf(bank, entries))
    }
    const racy = [...entries, violation]
    expect(judged(logOf(racy), quote(racy, ['sha256', 'sha384'], true))).toBe(VIOLATION)
  })

  it('is not of two kernels', () => {
    const quoted = { ...quote(entries), ...quote(entries, ['sha384'], true) }
    expect(judged(logOf(entries), quoted)).toBe(MISMATCH)
  })

  it('may have signatures', () => {
    const signed = [
      bootAggregate,
      entry('/a', { signature: '030204' }),
      entry('/b', { signature: '' }),
    ]
    expect(judged(logOf(signed), quote(signed))).toBe(PASS)
    expect(parseImaLog(logOf(signed)).map(({ signature }) => signature)).toEqual(['', '030204', ''])
    const trimmed = logOf(signed).replace('/b \n', '/b\n')
    expect(judged(trimmed, quote(signed))).toBe(PASS)
  })

  it('may have file hashes of SHA-384 and SHA-512', () => {
    const strong = [
      bootAggregate,
      entry('/a', { algorithm: 'sha384' }),
      entry('/b', { algorithm: 'sha512' }),
    ]
    expect(judged(logOf(strong), quote(strong))).toBe(PASS)
  })

  it('may have a hash of SHA-1 for boot_aggregate, and for nothing else', () => {
    const old = entry('boot_aggregate', { algorithm: 'sha1' })
    expect(judged(logOf([old, ...files]), quote([old, ...files]))).toBe(PASS)
    const again = [bootAggregate, old]
    expect(judged(logOf(again), quote(again))).toBe(MALFORMED)
    const weak = [bootAggregate, entry('/a', { algorithm: 'sha1' })]
    expect(judged(logOf(weak), quote(weak))).toBe(MALFORMED)
  })

  it('is no log when the caller got something else', () => {
    const log = Buffer.from(vectorLog) as unknown as string
    expect(judged(log, vectorPcrs)).toBe(MALFORMED)
  })
})

describe('allow', () => {
  const entries = [bootAggregate, entry('/a'), violation, entry('boot_aggregate'), entry('/b')]
  const log = logOf(entries)
  const quoted = quote(entries)

  it('is asked about each entry that is measured, but the first', () => {
    const asked: number[] = []
    const allow = ({ index }: { index: number }) => asked.push(index) > 0
    expect(judged(log, quoted, { allow })).toBe(VIOLATION)
    expect(asked).toEqual([1, 3, 4])
  })

  it('decides', () => {
    const known = new Map(parseImaLog(log).map(({ path, digest }) => [path, digest]))
    const allow: ImaLogOptions['allow'] = ({ path, digest }) => known.get(path) === digest
    expect(judged(log, quoted, { allow })).toBe(VIOLATION)
    known.set('/b', '00'.repeat(32))
    expect(judged(log, quoted, { allow })).toBe('fail IMA_ENTRY_REFUSED')
    known.delete('/b')
    expect(judged(log, quoted, { allow })).toBe('fail IMA_ENTRY_REFUSED')
  })

  it('is not asked when the log does not explain the quote', () => {
    const allow = () => {
      throw new Error('asked')
    }
    expect(judged(log, vectorPcrs, { allow })).toBe(MISMATCH)
  })

  it('is told of a path as text of the machine', () => {
    const odd = [bootAggregate, entry('/a"\u0007\u001b[2J')]
    const verdict = imaLog({ log: logOf(odd), allow: () => false }).appraise(quote(odd))
    expect(verdict.code).toBe('IMA_ENTRY_REFUSED')
    expect(verdict.detail).toContain(String.raw`("/a\"\u0007\u001b[2J")`)
  })
})

describe('the format', () => {
  const { line } = entry('/usr/bin/a')
  const first = bootAggregate.line

  it.each<[string, string]>([
    ['of another PCR', line.replace('10', '11')],
    ['of another template', line.replace('ima-ng', 'ima-buf')],
    ['of the oldest template', line.replace('ima-ng', 'ima')],
    ['with a signature in ima-ng', line.replace('\n', ' 0302\n')],
    ['with an empty signature in ima-ng', line.replace('\n', ' \n')],
    [
      'with half a byte of signature',
      entry('/a', { signature: '0302' }).line.replace('0302', '030'),
    ],
    ['with another signature', entry('/a', { signature: '0302' }).line.replace('0302', '0303')],
    [
      'whose hash is another',
      line.replace(/^10 ./, (start) => (start === '10 a' ? '10 b' : '10 a')),
    ],
    ['whose hash is short', line.replace(/^10 ../, '10 ')],
    ['whose digest is short', line.replace(/sha256:../, 'sha256:')],
    ['of another algorithm', line.replace('sha256', 'sha512')],
    ['of an unknown algorithm', line.replace('sha256', 'sha224')],
    [
      'in upper case',
      line.replace(/sha256:[0-9a-f]+/, (text) => `sha256:${text.slice(7).toUpperCase()}`),
    ],
    ['with another path', line.replace('/usr/bin/a', '/usr/bin/b')],
    ['without a path', line.replace('/usr/bin/a', '')],
    ['with a path of two words', line.replace('/usr/bin/a', '/usr/bin/a b')],
    ['that ends in CR', line.replace('\n', '\r\n')],
    ['that is empty', '\n'],
    ['with a space in front', ` ${line}`],
  ])('has no line %s', (_, text) => {
    expect(isRefused(first + line)).toBe(false)
    expect(isRefused(first + text)).toBe(true)
  })

  it('has at most 16 Mi characters', () => {
    const { line: short } = violation
    const fitting = Math.floor((16 * 1024 * 1024) / short.length)
    expect(parseImaLog(short.repeat(fitting)).length).toBe(fitting)
    expect(isRefused(short.repeat(fitting + 1))).toBe(true)
  })
})
