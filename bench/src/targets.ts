import type { BundleResult } from './bundles.js'
import type { CallResult } from './call/call.js'
import type { ColdResult } from './cold/cold.js'
import type { GatewayResult } from './gateway/gateway.js'
import type { Results } from './results.js'
import type { SealResult, SealRow } from './seal/seal.js'
import type { ContenderName } from './seal/contender.js'

/** The relation that a target requires. */
export type Comparison = '<' | '<=' | '>=' | '='

/** A measured number and its target. */
export interface Target {
  readonly what: string
  readonly unit: 'x' | 'ms' | 'kB' | 'a call'
  readonly measured: number
  readonly comparison: Comparison
  readonly wanted: number
  /** False where nothing could be measured (NaN). */
  readonly isMet: boolean
}

/** Compares results with the targets. */
export function evaluateTargets(results: Results): Target[] {
  const { seal, call, cold, memory, gateway, bundles } = results
  return [
    ...(seal ? sealTargets(seal) : []),
    ...(call ? callTargets(call) : []),
    ...(cold ? coldTargets(cold) : []),
    ...(memory
      ? [
          target(
            'peak memory of a 9 MB call / payload',
            'x',
            memory.multiples['call, ours'],
            '<=',
            4,
          ),
        ]
      : []),
    ...(gateway ? gatewayTargets(gateway) : []),
    ...(bundles ? bundleTargets(bundles) : []),
  ]
}

function sealTargets(rows: SealResult): Target[] {
  return rows.flatMap((row) => {
    const isSmall = row.size === '1 KB' || row.size === '64 KB'
    const name = (ratio: string): string => `seal + open, ${row.size} ${row.text}: ${ratio}`
    return isSmall
      ? [target(name('ours / webcrypto'), 'x', ratioOf(row, 'ours', 'webcrypto'), '<=', 1.1)]
      : [
          target(name('ours / naive'), 'x', ratioOf(row, 'ours', 'naive'), '<=', 0.75),
          target(name('jose / ours'), 'x', ratioOf(row, 'jose', 'ours'), '>=', 3),
        ]
  })
}

function ratioOf({ times }: SealRow, one: ContenderName, other: ContenderName): number {
  return times[one].sumMs / times[other].sumMs
}

function callTargets({ rsaMs, rows, ours }: CallResult): Target[] {
  const near = rows.find(({ size, roundTripMs }) => size === '1 KB' && roundTripMs === 0)
  const overheadMs = near === undefined ? Number.NaN : near.oursMs - near.plainMs
  const limitMs = 2 * rsaMs + 2
  return [
    target('warm 1 KB call over plain fetch (2 RSA + 2 ms)', 'ms', overheadMs, '<=', limitMs),
    target('HTTP requests of a warm call', 'a call', ours.requests, '=', 1),
    target('new connections of a warm call', 'a call', ours.newConnections, '=', 0),
  ]
}

function coldTargets({ madeKey, savedKey, afterKeyMs }: ColdResult): Target[] {
  return [
    target('first completion less key generation', 'ms', afterKeyMs, '<=', 60),
    target('constructor', 'ms', madeKey.constructorMs, '<', 2),
    target('longest block of the event loop', 'ms', madeKey.longestBlockMs, '<=', 20),
    target('first completion, saved key', 'ms', savedKey.firstCompletionMs, '<', 100),
  ]
}

/** A share of the limit that no gateway reaches, so the measurement is wrong. */
export const IMPOSSIBLE_SHARE = 1.05

/** Required share of the throughput that the cores have if each serves as much as one alone. */
const SCALING_SHARE = 0.75

function gatewayTargets({ rows, cores, oneCorePerSecond }: GatewayResult): Target[] {
  const most = rows.find(({ concurrency }) => concurrency === 64)
  const of = (name: 'ofLimit' | 'loopDelayP99Ms' | 'p95OfIdeal' | 'perSecond'): number =>
    most?.[name] ?? Number.NaN
  const share = of('ofLimit') > IMPOSSIBLE_SHARE ? Number.NaN : of('ofLimit')
  return [
    target('gateway, 64 at a time: requests / RSA limit', 'x', share, '>=', 0.85),
    target('gateway, 64 at a time: loop delay p99', 'ms', of('loopDelayP99Ms'), '<', 20),
    target('gateway, 64 at a time: p95 / ideal queue', 'x', of('p95OfIdeal'), '<=', 1.3),
    ...(oneCorePerSecond === null
      ? []
      : [
          target(
            `gateway, ${cores} cores / one core`,
            'x',
            of('perSecond') / oneCorePerSecond,
            '>=',
            SCALING_SHARE * cores,
          ),
        ]),
  ]
}

function bundleTargets(rows: BundleResult): Target[] {
  // Code on demand is for encrypted private keys, which a client in a browser does not have.
  const kilobytes = (name: string): number =>
    (rows.find((row) => row.name === name)?.initialBytes ?? Number.NaN) / 1000
  const client = kilobytes('@nomyo/client')
  const crypto = kilobytes('@nomyo/crypto')
  return [
    target('@nomyo/client at first, gzipped', 'kB', client, '<', 20),
    target('@nomyo/crypto at first, gzipped', 'kB', crypto, '<', 8),
  ]
}

function target(
  what: string,
  unit: Target['unit'],
  measured: number,
  comparison: Comparison,
  wanted: number,
): Target {
  return { what, unit, measured, comparison, wanted, isMet: holds(measured, comparison, wanted) }
}

function holds(measured: number, comparison: Comparison, wanted: number): boolean {
  switch (comparison) {
    case '<':
      return measured < wanted
    case '<=':
      return measured <= wanted
    case '>=':
      return measured >= wanted
    case '=':
      return measured === wanted
  }
}
