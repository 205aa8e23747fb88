import type { Machine } from '../../src/harness/machine.js'
import { mapValues } from '../../src/harness/statistics.js'
import type { Results } from '../../src/measure.js'
import type { ExchangeRow } from '../../src/exchange/exchange.js'
import type { SealRow } from '../../src/seal/seal.js'

export const IDLE: Machine = {
  cpu: 'A <fast> "one" & more',
  cores: 2,
  system: 'linux',
  node: '20.20.0',
  openssl: '3.0.0',
  load: 0.1,
  date: '2026-11-21T00:00:00.000Z',
}

/** Times in which ours meets its targets at every size, or others. */
export function sealRow(
  size: SealRow['size'],
  text: SealRow['text'],
  sums: Partial<Record<keyof SealRow['times'], number>> = {},
): SealRow {
  const all = { ours: 10, naive: 14, webcrypto: 9.5, jose: 31, hpke: 5, baseline: 4, ...sums }
  const times = mapValues(all, (sumMs) => ({ sealMs: sumMs / 2, openMs: sumMs / 2, sumMs }))
  return { size, text, rounds: 1, times }
}

/** Times in which wire 2 meets its targets, or others. */
export function exchangeRow(
  size: ExchangeRow['size'],
  times: Partial<ExchangeRow['times']> = {},
): ExchangeRow {
  const wire2 = size === '1 KB' ? 2.4 : 7.9
  const others = { wire1: 10, aes: 5.3, hpke: 9, hpkeCore: 9, ehbp: 30, jose: 30 }
  return { size, rounds: 1, times: { wire2, ...others, ...times } }
}

const COLD = {
  importMs: 100,
  constructorMs: 1,
  keyMs: 1000,
  firstCompletionMs: 1050,
  longestBlockMs: 15,
}

/** A run that meets every target, none of them by much. */
export const GOOD = {
  seal: (['1 KB', '64 KB', '1 MB', '9 MB'] as const).flatMap((size) => [
    sealRow(size, 'ascii'),
    sealRow(size, 'multi-byte'),
  ]),
  exchange: {
    hasFastRsa: false,
    rows: (['1 KB', '1 MB', '9 MB'] as const).map((size) => exchangeRow(size)),
  },
  call: {
    rsaMs: 4,
    hasFastRsa: false,
    rows: [
      { size: '1 KB', roundTripMs: 0, rounds: 1, oursMs: 10.9, wire2Ms: 3.9, plainMs: 1 },
      { size: '1 KB', roundTripMs: 40, rounds: 1, oursMs: 52, wire2Ms: 45, plainMs: 43 },
    ],
    ours: { requests: 1, newConnections: 0 },
    wire2: { requests: 1, newConnections: 0 },
    plain: { requests: 1, newConnections: 0 },
  },
  cold: {
    rounds: 1,
    madeKey: COLD,
    afterKeyMs: 50,
    savedKey: { ...COLD, keyMs: 20, firstCompletionMs: 90 },
    worstBlockMs: 30,
    wire2: { ...COLD, importMs: 59, keyMs: Number.NaN, firstCompletionMs: 95 },
    wire2Ms: 155,
    plain: { ...COLD, keyMs: 0, firstCompletionMs: 40 },
  },
  sdk: {
    rows: [{ size: '1 KB', rounds: 1, times: { plain: 1, plainSdk: 2, wire2: 3, wire2Sdk: 4 } }],
  },
  programs: {
    rounds: 1,
    helpMs: { nomyo: 149, 'nomyo-proxy': 149, 'nomyo-gateway': 149, node: 30 },
  },
  memory: {
    rounds: 1,
    payloadBytes: 9_000_000,
    gateway: 2.9,
    multiples: {
      'call, ours': 3.9,
      'call, wire 2': 2.9,
      'call, plain fetch': 2,
      'seal + open, ours': 4,
      'seal + open, naive': 5,
      'seal + open, webcrypto': 6,
      'seal + open, jose': 20,
      'seal + open, hpke': 4,
    },
  },
  gateway: {
    rounds: 1,
    cores: 2,
    rsaPerSecond: 500,
    rows: [1, 64].map((concurrency) => ({
      concurrency: concurrency as 1 | 64,
      perSecond: 430,
      cpuMs: 0.9,
      p50Ms: 140,
      p95Ms: 170,
      loopDelayP99Ms: 15,
      ofLimit: 0.86,
      p95OfIdeal: 1.2,
    })),
    oneCorePerSecond: 240,
    hasFastRsa: false,
    decapsulationsPerSecond: 2200,
    wire2: {
      perSecond: 1350,
      cpuMs: 0.9,
      ofWire1: 3.1,
      ofLimit: 0.61,
      p50Ms: 45,
      p95Ms: 60,
      loopDelayP99Ms: 19,
    },
  },
  fairness: {
    largeRequests: 12,
    shortRequests: 900,
    idleP95Ms: 2,
    busyP95Ms: 5.9,
    healthMs: 99,
  },
  stream: {
    events: 500,
    direct: { firstMs: 2, totalMs: 2000, clientCpuMs: 0.05 },
    wire2: { firstMs: 6.9, totalMs: 2050, clientCpuMs: 0.1, gatewayCpuMs: 0.1 },
    single: { firstMs: 6.9, totalMs: 2050, clientCpuMs: 0.19, gatewayCpuMs: 0.19 },
  },
  scaling: {
    replicas: {
      cores: 2,
      rows: { 'one gateway, one core': { perSecond: 1000, cpuMs: 0.7 } },
    },
    streams: {
      streams: 200,
      events: 100,
      paceMs: 50,
      ofIdealTime: 1,
      cpuMsPerEvent: 0.1,
      eventsPerSecond: 4000,
      memoryBytesPerStream: 100_000,
      wireBytesPerEvent: 600,
    },
    redis: {
      requests: 1000,
      rows: {
        'wire 1, rate': { commands: { set: 2 }, bytesIn: 1, bytesOut: 1, memoryBytes: 1, cpuMs: 1 },
        'wire 2, rate': { commands: { set: 2 }, bytesIn: 1, bytesOut: 1, memoryBytes: 1, cpuMs: 1 },
        'wire 2, rate and quota': {
          commands: { eval: 1 },
          bytesIn: 1,
          bytesOut: 1,
          memoryBytes: 1,
          cpuMs: 1,
        },
      },
    },
  },
  appraisal: { rounds: 1, ms: 1 },
  bundles: [
    { name: '@nomyo/client', initialBytes: 19_000, onDemandBytes: 0 },
    { name: '@nomyo/crypto', initialBytes: 7900, onDemandBytes: 6000 },
    { name: '@nomyo/client with wire 2', initialBytes: 26_900, onDemandBytes: 5900 },
    { name: '@nomyo/crypto/wire-2, a client of it', initialBytes: 9900, onDemandBytes: 0 },
  ],
} satisfies Results
