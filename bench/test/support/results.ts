import type { ColdTimes } from '../../src/cold/cold-child.js'
import type { Results } from '../../src/results.js'
import { CONTENDERS, type ContenderName } from '../../src/seal/contender.js'
import type { SealRow, SealTimes } from '../../src/seal/seal.js'

const COLD: ColdTimes = {
  importMs: 100,
  constructorMs: 1,
  keyMs: 1000,
  firstCompletionMs: 1050,
  longestBlockMs: 15,
}

/** A run that meets every target, none of them by much. */
export const GOOD = {
  seal: (['1 KB', '64 KB', '1 MB', '9 MB'] as const).flatMap((size) =>
    (['ascii', 'multi-byte'] as const).map((text) => sealRow(size, text)),
  ),
  call: {
    rsaMs: 4,
    rows: [
      { size: '1 KB', roundTripMs: 0, rounds: 1, oursMs: 10.9, plainMs: 1 },
      { size: '1 KB', roundTripMs: 40, rounds: 1, oursMs: 52, plainMs: 43 },
    ],
    ours: { requests: 1, newConnections: 0 },
    plain: { requests: 1, newConnections: 0 },
  },
  cold: {
    rounds: 1,
    madeKey: COLD,
    afterKeyMs: 50,
    savedKey: { ...COLD, keyMs: 20, firstCompletionMs: 90 },
    worstBlockMs: 30,
    plain: { ...COLD, keyMs: 0, firstCompletionMs: 40 },
  },
  memory: {
    rounds: 1,
    payloadBytes: 9_000_000,
    multiples: {
      'call, ours': 3.9,
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
      concurrency,
      requests: 200,
      perSecond: 430,
      p50Ms: 140,
      p95Ms: 170,
      loopDelayP99Ms: 15,
      ofLimit: 0.86,
      p95OfIdeal: 1.2,
    })),
    oneCorePerSecond: 240,
  },
  appraisal: { rounds: 1, ms: 1 },
  bundles: [
    { name: '@nomyo/client', initialBytes: 19_000, onDemandBytes: 0 },
    { name: '@nomyo/crypto', initialBytes: 7900, onDemandBytes: 6000 },
  ],
} satisfies Results

/** Times in which ours meets its targets at every size. */
function sealRow(size: SealRow['size'], text: SealRow['text']): SealRow {
  const sums: Record<ContenderName, number> = {
    ours: 10,
    naive: 14,
    webcrypto: 9.5,
    jose: 31,
    hpke: 5,
    baseline: 4,
  }
  const times = CONTENDERS.map((name) => [
    name,
    { sealMs: sums[name] / 2, openMs: sums[name] / 2, sumMs: sums[name] },
  ])
  return {
    size,
    text,
    rounds: 1,
    times: Object.fromEntries(times) as Record<ContenderName, SealTimes>,
  }
}
