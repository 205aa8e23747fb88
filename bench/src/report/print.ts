import { isBusy, type Machine } from '../harness/machine.js'
import type { Result, Results, Section } from '../measure.js'
import { EXCHANGE_CONTENDERS } from '../exchange/contender.js'
import { CONTENDERS } from '../seal/contender.js'
import { IMPOSSIBLE_SHARE, type Target } from '../targets.js'
import { short, table, type Row } from './table.js'

/** The report of a run, as `--json` prints it. */
export interface Report {
  readonly machine: Machine
  /** Duration of the run. */
  readonly seconds: number
  /** Duration of each section. */
  readonly sectionSeconds: Readonly<Partial<Record<Section, number>>>
  readonly results: Results
  readonly targets: readonly Target[]
  /** Caveats of the numbers. */
  readonly notes: readonly string[]
}

/** Prints a report as text. */
export function printReport(report: Report): string {
  const { machine, seconds, sectionSeconds, results, targets, notes } = report
  const { cpu, cores, system, node, openssl, load, date } = machine
  const sections = (Object.keys(TABLES) as Section[]).map((name) => printSection(name, results))
  return [
    `${cpu}, ${cores} cores, ${system}, Node ${node}, OpenSSL ${openssl}, load ${short(load)}, ${date}`,
    ...sections.filter((section) => section !== undefined),
    ...(targets.length > 0 ? [targetTable(targets)] : []),
    [...notes, `Took ${seconds.toFixed(0)} s: ${timesOf(sectionSeconds)}.`].join('\n'),
  ].join('\n\n')
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

/** Returns the caveats of a run. */
export function notesOf(machine: Machine, { seal, gateway }: Results, quick: boolean): string[] {
  const notes = [
    isBusy(machine) &&
      `The machine was not idle when the run began (load ${machine.load.toFixed(2)} on ${machine.cores} cores).`,
    quick && 'A quick run: too few rounds for conclusions.',
    seal && 'nomyo-js 0.1 is not on the registry, so its times cannot be measured here.',
    gateway && 'The load generator runs on the same cores as the gateway.',
    gateway?.rows.some(({ ofLimit }) => ofLimit > IMPOSSIBLE_SHARE) &&
      'The gateway seems to serve more than the RSA limit: other processes were running. Measure again.',
    gateway?.oneCorePerSecond === null &&
      'Scaling with cores was not measured: it takes taskset and two cores.',
  ]
  return notes.filter((note) => typeof note === 'string')
}

/** The table of each section: a row of titles, and rows of a name and numbers. */
const TABLES: { readonly [Name in Section]: (result: Result<Name>) => readonly Row[] } = {
  seal: (rows) => {
    const block = (title: string, of: 'sealMs' | 'openMs' | 'sumMs'): Row[] => [
      [title, ...CONTENDERS],
      ...rows.map(({ size, text, times }): Row => [
        `${size} ${text}`,
        ...CONTENDERS.map((name) => times[name][of]),
      ]),
    ]
    const others = CONTENDERS.slice(1)
    return [
      ...block('Seal + open, ms', 'sumMs'),
      [],
      ['ours / theirs', '', ...others],
      ...rows.map(({ size, text, times }): Row => [
        `${size} ${text}`,
        '',
        ...others.map((name) => `${short(times.ours.sumMs / times[name].sumMs)}x`),
      ]),
      [],
      ...block('seal, ms', 'sealMs'),
      [],
      ...block('open, ms', 'openMs'),
    ]
  },
  exchange: ({ rows }) => [
    ['Exchange, ms', ...EXCHANGE_CONTENDERS],
    ...rows.map(({ size, times }): Row => [
      size,
      ...EXCHANGE_CONTENDERS.map((name) => times[name]),
    ]),
  ],
  call: ({ rsaMs, rows, ours, wire2, plain }) => [
    [
      'A whole call, p50 in ms',
      'wire 1',
      'wire 2',
      'plain fetch',
      'wire 1 over it',
      'wire 2 over it',
    ],
    ...rows.map(({ size, roundTripMs, oursMs, wire2Ms, plainMs }): Row => [
      roundTripMs === 0 ? size : `${size}, ${roundTripMs} ms round trip`,
      oursMs,
      wire2Ms,
      plainMs,
      oursMs - plainMs,
      wire2Ms - plainMs,
    ]),
    ['HTTP requests of a warm call', ours.requests, wire2.requests, plain.requests],
    [
      'new connections of a warm call',
      ours.newConnections,
      wire2.newConnections,
      plain.newConnections,
    ],
    ['one RSA private operation', '', '', '', rsaMs],
  ],
  sdk: ({ rows }) => [
    ['OpenAI SDK, p50 in ms', 'fetch', 'SDK', 'client, wire 2', 'SDK, wire 2'],
    ...rows.map(({ size, times }): Row => [
      size,
      times.plain,
      times.plainSdk,
      times.wire2,
      times.wire2Sdk,
    ]),
  ],
  programs: ({ helpMs }) => [
    ['Programs, ms', ...Object.keys(helpMs)],
    ['--help (node: nothing)', ...Object.values(helpMs)],
  ],
  fairness: ({ largeRequests, shortRequests, idleP95Ms, busyP95Ms, healthMs }) => [
    ['Fairness, wire 2, ms', 'p95 idle', 'p95 beside', '/health beside'],
    [`${shortRequests} of 1 KB beside ${largeRequests} of 15 MB`, idleP95Ms, busyP95Ms, healthMs],
  ],
  stream: ({ events, direct, wire2, single }) => {
    const line = (title: string, of: keyof typeof direct): Row => [
      title,
      direct[of],
      wire2[of],
      single[of],
    ]
    return [
      ['Streams, ms', 'plain SSE', 'wire 2', 'wire 2, an event a chunk'],
      line('first event', 'firstMs'),
      line(`${events} events`, 'totalMs'),
      line('CPU of the client, per event', 'clientCpuMs'),
      ['CPU of the gateway, per event', '', wire2.gatewayCpuMs, single.gatewayCpuMs],
    ]
  },
  cold: ({ madeKey, savedKey, wire2, plain, afterKeyMs, worstBlockMs }) => {
    const all = [madeKey, savedKey, wire2, plain]
    const line = (title: string, of: keyof typeof plain): Row => [
      title,
      ...all.map((times) => times[of]),
    ]
    return [
      ['Cold start of a process, ms', 'key made', 'key saved', 'wire 2', 'plain fetch'],
      line('import', 'importMs'),
      line('constructor', 'constructorMs'),
      ['until the key is there', madeKey.keyMs, savedKey.keyMs, '', ''],
      line('first completion, from the constructor', 'firstCompletionMs'),
      ['the same with import', ...all.map((times) => times.firstCompletionMs + times.importMs)],
      ['first completion less key', afterKeyMs],
      line('longest block of the event loop', 'longestBlockMs'),
      ['longest block of any run', worstBlockMs],
    ]
  },
  memory: ({ multiples, gateway }) => [
    ['Peak memory over the request object, 9 MB', 'x payload'],
    ...Object.entries(multiples),
    ['gateway, wire 2, over bytes in flight', gateway],
  ],
  gateway: ({ rsaPerSecond, cores, rows, oneCorePerSecond, wire2, decapsulationsPerSecond }) => [
    ['Gateway, requests at a time', ...Object.keys(GATEWAY_COLUMNS)],
    ...rows.map((row): Row => [
      String(row.concurrency),
      ...Object.values(GATEWAY_COLUMNS).map((name) => row[name]),
    ]),
    ...(oneCorePerSecond === null ? [] : [['64, held to one core', oneCorePerSecond]]),
    [`RSA operations on ${cores} cores`, rsaPerSecond],
    [
      'Wire 2, requests at a time',
      'requests/s',
      'of decapsulations',
      'p50 ms',
      'p95 ms',
      '/ wire 1',
      'loop p99 ms',
      'CPU ms',
    ],
    [
      '64',
      wire2.perSecond,
      wire2.ofLimit,
      wire2.p50Ms,
      wire2.p95Ms,
      wire2.ofWire1,
      wire2.loopDelayP99Ms,
      wire2.cpuMs,
    ],
    [`decapsulations on ${cores} cores`, decapsulationsPerSecond],
  ],
  scaling: ({ replicas, streams, redis }) => [
    ...(replicas === null
      ? []
      : [
          ['Scaling, 64 requests at a time', 'requests/s', 'CPU ms'],
          ...Object.entries(replicas.rows).map(([name, { perSecond, cpuMs }]): Row => [
            name,
            perSecond,
            cpuMs,
          ]),
          [],
        ]),
    [`${streams.streams} streams, an event each ${streams.paceMs} ms`],
    ['time, of that of the model server', streams.ofIdealTime],
    ['CPU of the gateway, ms an event', streams.cpuMsPerEvent],
    ['events a second', streams.eventsPerSecond],
    ['memory, kB a stream', streams.memoryBytesPerStream / 1000],
    ['bytes sent, an event', streams.wireBytesPerEvent],
    ...(redis === null
      ? []
      : [
          [],
          ['Redis, a request', 'bytes in', 'bytes out', 'kept', 'CPU ms', 'commands'],
          ...Object.entries(redis.rows).map(([name, row]): Row => [
            name,
            row.bytesIn,
            row.bytesOut,
            row.memoryBytes,
            row.cpuMs,
            Object.entries(row.commands)
              .map(([command, count]) => `${command} ${short(count)}`)
              .join(', '),
          ]),
        ]),
  ],
  appraisal: ({ ms }) => [[`Appraisal of a quote: ${short(ms)} ms`]],
  bundles: (rows) => [
    ['Bundle, kB minified and gzipped', 'initial', 'on demand'],
    ...rows.map(({ name, initialBytes, onDemandBytes }): Row => [
      name,
      initialBytes / 1000,
      onDemandBytes === 0 ? '' : onDemandBytes / 1000,
    ]),
  ],
}

const GATEWAY_COLUMNS = {
  'requests/s': 'perSecond',
  'of RSA limit': 'ofLimit',
  'p50 ms': 'p50Ms',
  'p95 ms': 'p95Ms',
  'p95 / ideal': 'p95OfIdeal',
  'loop p99 ms': 'loopDelayP99Ms',
  'CPU ms': 'cpuMs',
} as const

function printSection<Name extends Section>(name: Name, results: Results): string | undefined {
  const result: Result<Name> | undefined = results[name]
  return result && table(TABLES[name](result))
}

/** The sections that took longest first. */
function timesOf(seconds: Report['sectionSeconds']): string {
  return Object.entries(seconds)
    .sort(([, one], [, other]) => other - one)
    .map(([name, value]) => `${name} ${value.toFixed(0)}`)
    .join(', ')
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
