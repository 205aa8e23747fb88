import type { AppraisalResult } from '../appraisal.js'
import type { BundleResult } from '../bundles.js'
import type { CallResult } from '../call/call.js'
import type { ColdResult } from '../cold/cold.js'
import type { GatewayResult } from '../gateway/gateway.js'
import type { Machine } from '../harness/machine.js'
import type { MemoryResult, MemoryWay } from '../memory/memory.js'
import { CONTENDERS } from '../seal/contender.js'
import type { SealResult } from '../seal/seal.js'
import type { Target } from '../targets.js'
import type { Report } from './report.js'
import { short, table } from './table.js'

/** Prints a report as text. */
export function printReport({ machine, seconds, results, targets, notes }: Report): string {
  const { seal, call, cold, memory, gateway, appraisal, bundles } = results
  const parts = [
    machineLine(machine),
    seal && sealTable(seal),
    call && callTable(call),
    cold && coldTable(cold),
    memory && memoryTable(memory),
    gateway && gatewayTable(gateway),
    appraisal && appraisalLine(appraisal),
    bundles && bundleTable(bundles),
    targets.length > 0 && targetTable(targets),
    [...notes, `Took ${seconds.toFixed(0)} s.`].join('\n'),
  ]
  return parts.filter((part) => typeof part === 'string').join('\n\n')
}

/** Returns the lines of `--check` for missed targets. */
export function missedLines(targets: readonly Target[]): string[] {
  return targets
    .filter(({ isMet }) => !isMet)
    .map(
      ({ what, unit, measured, comparison, wanted }) =>
        `missed: ${what}: ${short(measured)} ${unit}, wanted ${comparison} ${short(wanted)} ${unit}`,
    )
}

function machineLine({ cpu, cores, system, node, openssl, load, date }: Machine): string {
  return `${cpu}, ${cores} cores, ${system}, Node ${node}, OpenSSL ${openssl}, load ${short(load)}, ${date}`
}

function sealTable(rows: SealResult): string {
  const block = (title: string, of: 'sealMs' | 'openMs' | 'sumMs'): string[][] => [
    [title, ...CONTENDERS],
    ...rows.map(({ size, text, times }) => [
      `${size} ${text}`,
      ...CONTENDERS.map((name) => short(times[name][of])),
    ]),
  ]
  const ratios = rows.map(({ size, text, times }) => [
    `${size} ${text}`,
    ...CONTENDERS.map((name) =>
      name === 'ours' ? '' : `${short(times.ours.sumMs / times[name].sumMs)}x`,
    ),
  ])
  return table([
    ...block('Seal + open, ms', 'sumMs'),
    [],
    ['ours / theirs', ...CONTENDERS.map((name) => (name === 'ours' ? '' : name))],
    ...ratios,
    [],
    ...block('seal, ms', 'sealMs'),
    [],
    ...block('open, ms', 'openMs'),
  ])
}

function callTable({ rsaMs, rows, ours, plain }: CallResult): string {
  return table([
    ['A whole call, p50 in ms', 'ours', 'plain fetch', 'over it'],
    ...rows.map(({ size, roundTripMs, oursMs, plainMs }) => [
      roundTripMs === 0 ? size : `${size}, ${roundTripMs} ms round trip`,
      short(oursMs),
      short(plainMs),
      short(oursMs - plainMs),
    ]),
    ['HTTP requests of a warm call', short(ours.requests), short(plain.requests)],
    ['new connections of a warm call', short(ours.newConnections), short(plain.newConnections)],
    ['one RSA private operation', '', '', short(rsaMs)],
  ])
}

function coldTable({ madeKey, savedKey, plain, afterKeyMs, worstBlockMs }: ColdResult): string {
  const all = [madeKey, savedKey, plain]
  const line = (title: string, of: keyof typeof madeKey): string[] => [
    title,
    ...all.map((times) => short(times[of])),
  ]
  return table([
    ['Cold start of a process, ms', 'key made', 'key saved', 'plain fetch'],
    line('import', 'importMs'),
    line('constructor', 'constructorMs'),
    line('until the key is there', 'keyMs'),
    line('first completion, from the constructor', 'firstCompletionMs'),
    [
      'the same with import',
      ...all.map((times) => short(times.firstCompletionMs + times.importMs)),
    ],
    ['first completion less key', short(afterKeyMs)],
    line('longest block of the event loop', 'longestBlockMs'),
    ['longest block of any run', short(worstBlockMs)],
  ])
}

function memoryTable({ multiples }: MemoryResult): string {
  return table([
    ['Peak memory over the request object, 9 MB', 'x payload'],
    ...(Object.keys(multiples) as MemoryWay[]).map((way) => [way, short(multiples[way])]),
  ])
}

function gatewayTable({ rsaPerSecond, cores, rows, oneCorePerSecond }: GatewayResult): string {
  return table([
    [
      'Gateway, requests at a time',
      'requests/s',
      'of RSA limit',
      'p50 ms',
      'p95 ms',
      'p95 / ideal',
      'loop p99 ms',
    ],
    ...rows.map((row) => [
      String(row.concurrency),
      short(row.perSecond),
      short(row.ofLimit),
      short(row.p50Ms),
      short(row.p95Ms),
      short(row.p95OfIdeal),
      short(row.loopDelayP99Ms),
    ]),
    ...(oneCorePerSecond === null ? [] : [['64, held to one core', short(oneCorePerSecond)]]),
    [`RSA operations on ${cores} cores`, short(rsaPerSecond)],
  ])
}

function appraisalLine({ ms }: AppraisalResult): string {
  return `Appraisal of a quote: ${short(ms)} ms`
}

function bundleTable(rows: BundleResult): string {
  return table([
    ['Bundle, kB minified and gzipped', 'initial', 'on demand'],
    ...rows.map(({ name, initialBytes, onDemandBytes }) => [
      name,
      short(initialBytes / 1000),
      onDemandBytes === 0 ? '' : short(onDemandBytes / 1000),
    ]),
  ])
}

function targetTable(targets: readonly Target[]): string {
  return table([
    ['Targets', 'measured', 'wanted', ''],
    ...targets.map(({ what, unit, measured, comparison, wanted, isMet }) => [
      what,
      `${short(measured)} ${unit}`,
      `${comparison} ${short(wanted)} ${unit}`,
      isMet ? 'met' : 'MISSED',
    ]),
  ])
}
