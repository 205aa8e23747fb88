import { describe, expect, it } from 'vitest'
import type { Results } from '../src/measure.js'
import { missedLines } from '../src/report/print.js'
import { evaluateTargets } from '../src/targets.js'
import { GOOD, exchangeRow, sealRow } from './support/results.js'

const missed = (results: Results): string[] =>
  evaluateTargets(results)
    .filter(({ isMet }) => !isMet)
    .map(({ what }) => what)

/** The good run with other times in one row of sealing. */
const withSeal = (...[size, text, sums]: Parameters<typeof sealRow>): Results => ({
  seal: GOOD.seal.map((row) =>
    row.size === size && row.text === text ? sealRow(size, text, sums) : row,
  ),
})
/** The good run with other times in one row of exchanges. */
const withExchange = (...[size, times]: Parameters<typeof exchangeRow>): Results => ({
  exchange: {
    ...GOOD.exchange,
    rows: GOOD.exchange.rows.map((row) => (row.size === size ? exchangeRow(size, times) : row)),
  },
})
const withCall = (changes: Partial<typeof GOOD.call>): Results => ({
  call: { ...GOOD.call, ...changes },
})
const withCold = (changes: Partial<typeof GOOD.cold>): Results => ({
  cold: { ...GOOD.cold, ...changes },
})
const withHelp = (changes: Partial<typeof GOOD.programs.helpMs>): Results => ({
  programs: { rounds: 1, helpMs: { ...GOOD.programs.helpMs, ...changes } },
})
const withRow = (changes: Partial<(typeof GOOD.gateway.rows)[number]>): Results => ({
  gateway: {
    ...GOOD.gateway,
    rows: GOOD.gateway.rows.map((row) => (row.concurrency === 64 ? { ...row, ...changes } : row)),
  },
})
const withWire2 = (changes: Partial<typeof GOOD.gateway.wire2>): Results => ({
  gateway: { ...GOOD.gateway, wire2: { ...GOOD.gateway.wire2, ...changes } },
})
const withStream = <Name extends 'wire2' | 'single'>(
  name: Name,
  changes: Partial<(typeof GOOD.stream)[Name]>,
): Results => ({ stream: { ...GOOD.stream, [name]: { ...GOOD.stream[name], ...changes } } })
const withBundle = (name: string, initialBytes: number): Results => ({
  bundles: GOOD.bundles.map((row) => (row.name === name ? { ...row, initialBytes } : row)),
})
const { madeKey, savedKey, wire2 } = GOOD.cold
const [near, distant] = GOOD.call.rows as [(typeof GOOD.call.rows)[0], (typeof GOOD.call.rows)[0]]

/** Runs that miss the targets of one row of sealing. */
const SEAL_MISSING = GOOD.seal.flatMap(({ size, text }): [string, Results][] => {
  const name = `seal + open, ${size} ${text}:`
  return size.endsWith('KB')
    ? [[`${name} ours / webcrypto`, withSeal(size, text, { webcrypto: 9 })]]
    : [
        [`${name} ours / naive`, withSeal(size, text, { naive: 13 })],
        [`${name} jose / ours`, withSeal(size, text, { jose: 29 })],
      ]
})

/** A run that misses this target and no other. */
const MISSING: Readonly<Record<string, Results>> = {
  ...Object.fromEntries(SEAL_MISSING),
  'exchange, 1 KB: wire 2 / wire 1': withExchange('1 KB', { wire2: 2.6 }),
  'exchange, 1 MB: wire 2 / wire 1': withExchange('1 MB', { wire2: 8.1, aes: 6 }),
  'exchange, 1 MB: wire 2 / AES': withExchange('1 MB', { aes: 5.2 }),
  'exchange, 9 MB: wire 2 / wire 1': withExchange('9 MB', { wire2: 8.1, aes: 6 }),
  'exchange, 9 MB: wire 2 / AES': withExchange('9 MB', { aes: 5.2 }),
  'warm 1 KB call over plain fetch (2 RSA + 2 ms)': withCall({
    rows: [{ ...near, oursMs: 11.1 }, distant],
  }),
  'HTTP requests of a warm call': withCall({ ours: { requests: 1.03, newConnections: 0 } }),
  'new connections of a warm call': withCall({ ours: { requests: 1, newConnections: 0.03 } }),
  'wire 2: warm 1 KB call over plain fetch': withCall({
    rows: [{ ...near, wire2Ms: 4.1 }, distant],
  }),
  'wire 2: HTTP requests of a warm call': withCall({ wire2: { requests: 2, newConnections: 0 } }),
  'wire 2: new connections of a warm call': withCall({
    wire2: { requests: 1, newConnections: 0.03 },
  }),
  'first completion less key generation': withCold({ afterKeyMs: 61 }),
  constructor: withCold({ madeKey: { ...madeKey, constructorMs: 2 } }),
  'longest block of the event loop': withCold({ madeKey: { ...madeKey, longestBlockMs: 21 } }),
  'first completion, saved key': withCold({ savedKey: { ...savedKey, firstCompletionMs: 100 } }),
  'wire 2: import': withCold({ wire2: { ...wire2, importMs: 61 } }),
  'wire 2: import and first completion over plain fetch': withCold({ wire2Ms: 161 }),
  'nomyo --help': withHelp({ nomyo: 150 }),
  'nomyo-proxy --help': withHelp({ 'nomyo-proxy': 150 }),
  'nomyo-gateway --help': withHelp({ 'nomyo-gateway': 150 }),
  'p95 beside requests of 15 MB of another key / idle': {
    fairness: { ...GOOD.fairness, busyP95Ms: 6.1 },
  },
  '/health beside requests of 15 MB': { fairness: { ...GOOD.fairness, healthMs: 101 } },
  'stream: first event over direct': withStream('wire2', { firstMs: 7.1 }),
  'stream: 500 events / direct': withStream('wire2', { totalMs: 2070 }),
  'stream: CPU of the client, per event': withStream('single', { clientCpuMs: 0.21 }),
  'stream: CPU of the gateway, per event': withStream('single', { gatewayCpuMs: 0.21 }),
  'peak memory of a 9 MB call / payload': {
    memory: { ...GOOD.memory, multiples: { ...GOOD.memory.multiples, 'call, ours': 4.1 } },
  },
  'wire 2: peak memory of a 9 MB call / payload': {
    memory: { ...GOOD.memory, multiples: { ...GOOD.memory.multiples, 'call, wire 2': 3.1 } },
  },
  'wire 2: peak memory of the gateway / bytes in flight': {
    memory: { ...GOOD.memory, gateway: 3.1 },
  },
  'gateway, 64 at a time: requests / RSA limit': withRow({ ofLimit: 0.84 }),
  'gateway, 64 at a time: loop delay p99': withRow({ loopDelayP99Ms: 20 }),
  'gateway, 64 at a time: p95 / ideal queue': withRow({ p95OfIdeal: 1.31 }),
  'gateway, 2 cores / one core': { gateway: { ...GOOD.gateway, oneCorePerSecond: 300 } },
  'gateway, wire 2, 64 at a time: requests / wire 1': withWire2({ ofWire1: 2.9 }),
  'gateway, wire 2: requests / decapsulations': withWire2({ ofLimit: 0.59 }),
  'gateway, wire 2: loop delay p99': withWire2({ loopDelayP99Ms: 20 }),
  'wire 2: the client with it, gzipped': withBundle('@nomyo/client with wire 2', 27_100),
  'wire 2: ML-KEM in JavaScript, gzipped': {
    bundles: GOOD.bundles.map((row) => ({
      ...row,
      onDemandBytes: row.name === '@nomyo/client with wire 2' ? 6100 : row.onDemandBytes,
    })),
  },
  'wire 2: a client of @nomyo/crypto/wire-2, gzipped': withBundle(
    '@nomyo/crypto/wire-2, a client of it',
    10_100,
  ),
  '@nomyo/client at first, gzipped': withBundle('@nomyo/client', 20_000),
  '@nomyo/crypto at first, gzipped': withBundle('@nomyo/crypto', 8000),
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
    'wire 2: warm 1 KB call over plain fetch',
  ])
  expect(missed({ bundles: [] })).toHaveLength(5)
  expect(missed(withCold({ afterKeyMs: Number.NaN }))).toHaveLength(1)
})

it('more than the limit is no measurement', () => {
  expect(missed(withRow({ ofLimit: 1.04 }))).toEqual([])
  expect(missed(withRow({ ofLimit: 1.06 }))).toEqual([
    'gateway, 64 at a time: requests / RSA limit',
  ])
})

it('wire 2 has other targets where RSA is fast', () => {
  const { exchange } = withExchange('1 KB', { wire2: 2.9 })
  expect(missed({ exchange: { ...exchange!, hasFastRsa: true } })).toEqual([])
  expect(missed({ exchange: exchange! })).toEqual(['exchange, 1 KB: wire 2 / wire 1'])
  expect(missed({ gateway: { ...GOOD.gateway, hasFastRsa: true } })).toEqual([
    'gateway, wire 2, 64 at a time: requests / wire 1',
  ])
})

it('what was not asked for is no target', () => {
  expect(evaluateTargets({})).toEqual([])
  expect(evaluateTargets({ appraisal: GOOD.appraisal })).toEqual([])
})

it('there is no target for scaling where it was not measured', () => {
  const gateway = { ...GOOD.gateway, oneCorePerSecond: null }
  expect(evaluateTargets({ gateway })).toHaveLength(6)
})

it('a distant call is no measure of the overhead', () => {
  const slow = { ...distant, oursMs: 500 }
  expect(missed(withCall({ rows: [near, slow] }))).toEqual([])
})
