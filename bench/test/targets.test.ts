import { describe, expect, it } from 'vitest'
import { missedLines } from '../src/report/print.js'
import type { Results } from '../src/results.js'
import type { ContenderName } from '../src/seal/contender.js'
import type { SealRow } from '../src/seal/seal.js'
import { evaluateTargets } from '../src/targets.js'
import { GOOD } from './support/results.js'

const missed = (results: Results): string[] =>
  evaluateTargets(results)
    .filter(({ isMet }) => !isMet)
    .map(({ what }) => what)

/** The good run with other times in one row of sealing. */
function withSeal(
  size: SealRow['size'],
  text: SealRow['text'],
  sums: Partial<Record<ContenderName, number>>,
): Results {
  const seal = GOOD.seal.map((row) => {
    if (row.size !== size || row.text !== text) return row
    const changed = Object.entries(sums).map(([name, sumMs]) => [
      name,
      { ...row.times[name as ContenderName], sumMs },
    ])
    return { ...row, times: { ...row.times, ...Object.fromEntries(changed) } }
  })
  return { seal }
}

const withCall = (changes: Partial<typeof GOOD.call>): Results => ({
  call: { ...GOOD.call, ...changes },
})
const withCold = (changes: Partial<typeof GOOD.cold>): Results => ({
  cold: { ...GOOD.cold, ...changes },
})
const withRow = (changes: Partial<(typeof GOOD.gateway.rows)[number]>): Results => ({
  gateway: {
    ...GOOD.gateway,
    rows: GOOD.gateway.rows.map((row) => (row.concurrency === 64 ? { ...row, ...changes } : row)),
  },
})
const { madeKey, savedKey } = GOOD.cold
const [near, distant] = GOOD.call.rows as [(typeof GOOD.call.rows)[0], (typeof GOOD.call.rows)[0]]

/** A run that misses this target and no other. */
const MISSING: Readonly<Record<string, Results>> = {
  'seal + open, 1 KB ascii: ours / webcrypto': withSeal('1 KB', 'ascii', { webcrypto: 9 }),
  'seal + open, 1 KB multi-byte: ours / webcrypto': withSeal('1 KB', 'multi-byte', {
    webcrypto: 9,
  }),
  'seal + open, 64 KB ascii: ours / webcrypto': withSeal('64 KB', 'ascii', { webcrypto: 9 }),
  'seal + open, 64 KB multi-byte: ours / webcrypto': withSeal('64 KB', 'multi-byte', {
    webcrypto: 9,
  }),
  'seal + open, 1 MB ascii: ours / naive': withSeal('1 MB', 'ascii', { naive: 13 }),
  'seal + open, 1 MB ascii: jose / ours': withSeal('1 MB', 'ascii', { jose: 29 }),
  'seal + open, 1 MB multi-byte: ours / naive': withSeal('1 MB', 'multi-byte', { naive: 13 }),
  'seal + open, 1 MB multi-byte: jose / ours': withSeal('1 MB', 'multi-byte', { jose: 29 }),
  'seal + open, 9 MB ascii: ours / naive': withSeal('9 MB', 'ascii', { naive: 13 }),
  'seal + open, 9 MB ascii: jose / ours': withSeal('9 MB', 'ascii', { jose: 29 }),
  'seal + open, 9 MB multi-byte: ours / naive': withSeal('9 MB', 'multi-byte', { naive: 13 }),
  'seal + open, 9 MB multi-byte: jose / ours': withSeal('9 MB', 'multi-byte', { jose: 29 }),
  'warm 1 KB call over plain fetch (2 RSA + 2 ms)': withCall({
    rows: [{ ...near, oursMs: 11.1 }, distant],
  }),
  'HTTP requests of a warm call': withCall({ ours: { requests: 1.03, newConnections: 0 } }),
  'new connections of a warm call': withCall({ ours: { requests: 1, newConnections: 0.03 } }),
  'first completion less key generation': withCold({ afterKeyMs: 61 }),
  constructor: withCold({ madeKey: { ...madeKey, constructorMs: 2 } }),
  'longest block of the event loop': withCold({ madeKey: { ...madeKey, longestBlockMs: 21 } }),
  'first completion, saved key': withCold({ savedKey: { ...savedKey, firstCompletionMs: 100 } }),
  'peak memory of a 9 MB call / payload': {
    memory: { ...GOOD.memory, multiples: { ...GOOD.memory.multiples, 'call, ours': 4.1 } },
  },
  'gateway, 64 at a time: requests / RSA limit': withRow({ ofLimit: 0.84 }),
  'gateway, 64 at a time: loop delay p99': withRow({ loopDelayP99Ms: 20 }),
  'gateway, 64 at a time: p95 / ideal queue': withRow({ p95OfIdeal: 1.31 }),
  'gateway, 2 cores / one core': { gateway: { ...GOOD.gateway, oneCorePerSecond: 300 } },
  '@nomyo/client at first, gzipped': {
    bundles: [{ name: '@nomyo/client', initialBytes: 20_000, onDemandBytes: 0 }, GOOD.bundles[1]!],
  },
  '@nomyo/crypto at first, gzipped': {
    bundles: [GOOD.bundles[0]!, { name: '@nomyo/crypto', initialBytes: 8000, onDemandBytes: 0 }],
  },
}

it('a good run meets all targets', () => {
  expect(missed(GOOD)).toEqual([])
  expect(missedLines(evaluateTargets(GOOD))).toEqual([])
})

it('every target has a run that misses it', () => {
  expect(evaluateTargets(GOOD).map(({ what }) => what)).toEqual(Object.keys(MISSING))
})

describe.each(Object.entries(MISSING))('%s', (name, results) => {
  it('is missed alone', () => expect(missed(results)).toEqual([name]))

  it('is said, with what was measured and wanted', () => {
    const lines = missedLines(evaluateTargets(results))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(name)
    expect(lines[0]).toMatch(/: [\d.]+ .*wanted [<>=]+ [\d.]+/)
  })
})

it('what could not be measured is missed', () => {
  expect(missed(withCall({ rows: [distant] }))).toEqual([
    'warm 1 KB call over plain fetch (2 RSA + 2 ms)',
  ])
  expect(missed({ bundles: [] })).toHaveLength(2)
  expect(missed(withCold({ afterKeyMs: Number.NaN }))).toHaveLength(1)
})

it('more than the limit is no measurement', () => {
  expect(missed(withRow({ ofLimit: 1.04 }))).toEqual([])
  expect(missed(withRow({ ofLimit: 1.06 }))).toEqual([
    'gateway, 64 at a time: requests / RSA limit',
  ])
})

it('what was not asked for is no target', () => {
  expect(evaluateTargets({})).toEqual([])
  expect(evaluateTargets({ appraisal: GOOD.appraisal })).toEqual([])
})

it('there is no target for scaling where it was not measured', () => {
  const gateway = { ...GOOD.gateway, oneCorePerSecond: null }
  expect(evaluateTargets({ gateway })).toHaveLength(3)
})

it('a distant call is no measure of the overhead', () => {
  const slow = { ...distant, oursMs: 500 }
  expect(missed(withCall({ rows: [near, slow] }))).toEqual([])
})
