import type { Result, Results, Section } from './measure.js'

/** The relations that a target may require. */
const COMPARISONS = {
  '<': (measured: number, wanted: number) => measured < wanted,
  '<=': (measured: number, wanted: number) => measured <= wanted,
  '>=': (measured: number, wanted: number) => measured >= wanted,
  '=': (measured: number, wanted: number) => measured === wanted,
} as const

/** A measured number and its target. */
export interface Target {
  readonly what: string
  readonly unit: 'x' | 'ms' | 'kB' | 'a call'
  readonly measured: number
  readonly comparison: keyof typeof COMPARISONS
  readonly wanted: number
  /** False where nothing could be measured (NaN). */
  readonly isMet: boolean
}

/** A share of the limit that no gateway reaches, so the measurement is wrong. */
export const IMPOSSIBLE_SHARE = 1.05

/** Required share of the throughput that the cores have if each serves as much as one alone. */
const SCALING_SHARE = 0.75

/** Compares results with the targets. */
export function evaluateTargets(results: Results): Target[] {
  return (Object.keys(TARGETS) as (keyof typeof TARGETS)[]).flatMap((name) =>
    evaluateSection(name, results),
  )
}

function evaluateSection<Name extends keyof typeof TARGETS>(
  name: Name,
  results: Results,
): Target[] {
  const result: Result<Name> | undefined = results[name]
  if (result === undefined) return []
  return TARGETS[name](result).map(([what, unit, measured, comparison, wanted]) => {
    const isMet = COMPARISONS[comparison](measured, wanted)
    return { what, unit, measured, comparison, wanted, isMet }
  })
}

type Wanted = readonly [
  what: string,
  unit: Target['unit'],
  measured: number,
  comparison: Target['comparison'],
  wanted: number,
]

/** The targets of each section. */
const TARGETS: {
  readonly [Name in Exclude<Section, 'appraisal' | 'sdk' | 'scaling'>]: (
    result: Result<Name>,
  ) => readonly Wanted[]
} = {
  seal: (rows) =>
    rows.flatMap(({ size, text, times: { ours, naive, webcrypto, jose } }): Wanted[] => {
      const name = `seal + open, ${size} ${text}:`
      return size === '1 KB' || size === '64 KB'
        ? [[`${name} ours / webcrypto`, 'x', ours.sumMs / webcrypto.sumMs, '<=', 1.1]]
        : [
            [`${name} ours / naive`, 'x', ours.sumMs / naive.sumMs, '<=', 0.75],
            [`${name} jose / ours`, 'x', jose.sumMs / ours.sumMs, '>=', 3],
          ]
    }),
  exchange: ({ rows, hasFastRsa }) =>
    rows.flatMap(({ size, times: { wire1, wire2, aes } }): Wanted[] => {
      const name = `exchange, ${size}:`
      const ofWire1 = size === '1 KB' ? (hasFastRsa ? 0.3 : 0.25) : 0.8
      const targets: Wanted[] = [[`${name} wire 2 / wire 1`, 'x', wire2 / wire1, '<=', ofWire1]]
      return size === '1 KB'
        ? targets
        : [...targets, [`${name} wire 2 / AES`, 'x', wire2 / aes, '<=', 1.5]]
    }),
  call: ({ rsaMs, rows, ours, wire2, hasFastRsa }) => {
    const near = rows.find(({ size, roundTripMs }) => size === '1 KB' && roundTripMs === 0)
    const overheadMs = near === undefined ? Number.NaN : near.oursMs - near.plainMs
    const wire2Ms = near === undefined ? Number.NaN : near.wire2Ms - near.plainMs
    return [
      ['warm 1 KB call over plain fetch (2 RSA + 2 ms)', 'ms', overheadMs, '<=', 2 * rsaMs + 2],
      ['HTTP requests of a warm call', 'a call', ours.requests, '=', 1],
      ['new connections of a warm call', 'a call', ours.newConnections, '=', 0],
      ['wire 2: warm 1 KB call over plain fetch', 'ms', wire2Ms, '<=', hasFastRsa ? 2 : 3],
      ['wire 2: HTTP requests of a warm call', 'a call', wire2.requests, '=', 1],
      ['wire 2: new connections of a warm call', 'a call', wire2.newConnections, '=', 0],
    ]
  },
  cold: ({ madeKey, savedKey, afterKeyMs, wire2, wire2Ms, plain }) => [
    ['first completion less key generation', 'ms', afterKeyMs, '<=', 60],
    ['constructor', 'ms', madeKey.constructorMs, '<', 2],
    ['longest block of the event loop', 'ms', madeKey.longestBlockMs, '<=', 20],
    ['first completion, saved key', 'ms', savedKey.firstCompletionMs, '<', 100],
    ['wire 2: import', 'ms', wire2.importMs, '<=', 60],
    [
      'wire 2: import and first completion over plain fetch',
      'ms',
      wire2Ms - plain.firstCompletionMs,
      '<=',
      120,
    ],
  ],
  programs: ({ helpMs }) => [
    ['nomyo --help', 'ms', helpMs.nomyo, '<', 150],
    ['nomyo-proxy --help', 'ms', helpMs['nomyo-proxy'], '<', 150],
    ['nomyo-gateway --help', 'ms', helpMs['nomyo-gateway'], '<', 150],
  ],
  fairness: ({ idleP95Ms, busyP95Ms, healthMs }) => [
    ['p95 beside requests of 15 MB of another key / idle', 'x', busyP95Ms / idleP95Ms, '<=', 3],
    ['/health beside requests of 15 MB', 'ms', healthMs, '<=', 100],
  ],
  stream: ({ events, direct, wire2, single }) => [
    ['stream: first event over direct', 'ms', wire2.firstMs - direct.firstMs, '<=', 5],
    [`stream: ${events} events / direct`, 'x', wire2.totalMs / direct.totalMs, '<=', 1.03],
    ['stream: CPU of the client, per event', 'ms', single.clientCpuMs, '<=', 0.2],
    ['stream: CPU of the gateway, per event', 'ms', single.gatewayCpuMs, '<=', 0.2],
  ],
  memory: ({ multiples, gateway }) => [
    ['peak memory of a 9 MB call / payload', 'x', multiples['call, ours'], '<=', 4],
    ['wire 2: peak memory of a 9 MB call / payload', 'x', multiples['call, wire 2'], '<=', 3],
    ['wire 2: peak memory of the gateway / bytes in flight', 'x', gateway, '<=', 3],
  ],
  gateway: ({ rows, cores, oneCorePerSecond, wire2, hasFastRsa }) => {
    const most = rows.find(({ concurrency }) => concurrency === 64)
    const of = (name: keyof (typeof rows)[number]): number => most?.[name] ?? Number.NaN
    const share = of('ofLimit') > IMPOSSIBLE_SHARE ? Number.NaN : of('ofLimit')
    const scaling = of('perSecond') / (oneCorePerSecond ?? Number.NaN)
    const targets: Wanted[] = [
      ['gateway, 64 at a time: requests / RSA limit', 'x', share, '>=', 0.85],
      ['gateway, 64 at a time: loop delay p99', 'ms', of('loopDelayP99Ms'), '<', 20],
      ['gateway, 64 at a time: p95 / ideal queue', 'x', of('p95OfIdeal'), '<=', 1.3],
      [`gateway, ${cores} cores / one core`, 'x', scaling, '>=', SCALING_SHARE * cores],
    ]
    const ofWire1 = hasFastRsa ? 4 : 3
    return [
      ...(oneCorePerSecond === null ? targets.slice(0, 3) : targets),
      ['gateway, wire 2, 64 at a time: requests / wire 1', 'x', wire2.ofWire1, '>=', ofWire1],
      ['gateway, wire 2: requests / decapsulations', 'x', wire2.ofLimit, '>=', 0.6],
      ['gateway, wire 2: loop delay p99', 'ms', wire2.loopDelayP99Ms, '<', 20],
    ]
  },
  bundles: (rows) => {
    // Code on demand is for encrypted private keys, which a client in a browser does not have.
    const kilobytes = (name: string): number =>
      (rows.find((row) => row.name === name)?.initialBytes ?? Number.NaN) / 1000
    const withWire2 = rows.find((row) => row.name === '@nomyo/client with wire 2')
    const fallback = (withWire2?.onDemandBytes ?? Number.NaN) / 1000
    return [
      [
        'wire 2: the client with it, gzipped',
        'kB',
        kilobytes('@nomyo/client with wire 2'),
        '<=',
        27,
      ],
      ['wire 2: ML-KEM in JavaScript, gzipped', 'kB', fallback, '<=', 6],
      [
        'wire 2: a client of @nomyo/crypto/wire-2, gzipped',
        'kB',
        kilobytes('@nomyo/crypto/wire-2, a client of it'),
        '<=',
        10,
      ],
      ['@nomyo/client at first, gzipped', 'kB', kilobytes('@nomyo/client'), '<', 20],
      ['@nomyo/crypto at first, gzipped', 'kB', kilobytes('@nomyo/crypto'), '<', 8],
    ]
  },
}
