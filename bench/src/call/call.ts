import { createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto'
import { interleave } from '../harness/interleave.js'
import { startChild, type Child } from '../harness/child-process.js'
import { timeMs } from '../harness/statistics.js'
import type { KeyPem, RunContext } from '../harness/run-context.js'
import { chatRequest, type ChatRequest, type Size } from '../messages.js'
import { startGateway } from '../harness/gateway-process.js'
import { median } from '../harness/statistics.js'
import { checkEcho, plainCaller, sealedCaller, type Caller } from './callers.js'
import type { RelayCounts } from './relay.js'

/** Median milliseconds of a warm call, with the same text in both directions. */
export interface CallRow {
  readonly size: Size
  /** Simulated; 0 is bare loopback. */
  readonly roundTripMs: number
  readonly rounds: number
  readonly oursMs: number
  readonly plainMs: number
}

/** Network use of a warm call, counted by a relay between both ends. */
export interface PerCall {
  readonly requests: number
  readonly newConnections: number
}

export interface CallResult {
  /** One RSA-4096 private operation of `node:crypto`, in the rounds of the 1 KB calls. */
  readonly rsaMs: number
  readonly rows: readonly CallRow[]
  readonly ours: PerCall
  readonly plain: PerCall
}

const ROUNDS = { '1 KB': 300, '1 MB': 20, '9 MB': 5 } as const
const ROUND_TRIP_MS = 40
const DISTANT_ROUNDS = 30
/** Calls until V8 has compiled the hot code of both sides. */
const WARM_UP_CALLS = 1500
/** Calls over the relay, where the same code is already warm. */
const DISTANT_WARM_UP_CALLS = 10

/** Times whole calls to a gateway beside plain `fetch` calls to a plain server. */
export async function measureCalls(context: RunContext): Promise<CallResult> {
  const gateway = await startGateway()
  const plainServer = startChild('plain-server', null)
  try {
    const urls = { ours: gateway.url, plain: await plainServer.ask<string>() }
    const near = await measureNear(context, urls)
    context.progress(`calls: ${ROUND_TRIP_MS} ms round trip`)
    const distant = await measureDistant(urls, context.quick)
    return { ...near, ...distant, rows: [...near.rows, distant.row] }
  } finally {
    await plainServer.stop()
    await gateway.stop()
  }
}

/** URLs of both servers. */
interface Urls {
  readonly ours: string
  readonly plain: string
}

async function measureNear(
  { pem, progress, quick }: RunContext,
  urls: Urls,
): Promise<Pick<CallResult, 'rsaMs' | 'rows'>> {
  const callers = { ours: sealedCaller(urls.ours), plain: plainCaller(urls.plain) }
  const rsa = rsaOperation(pem)
  try {
    await warmUp(callers, quick ? 3 : WARM_UP_CALLS)
    const rows: CallRow[] = []
    let rsaMs = Number.NaN
    for (const size of Object.keys(ROUNDS) as (keyof typeof ROUNDS)[]) {
      progress(`calls: ${size}`)
      const request = chatRequest(size, 'ascii')
      const rounds = quick ? 3 : ROUNDS[size]
      const times = await interleave(
        {
          ours: () => sample(callers.ours, request),
          plain: () => sample(callers.plain, request),
          rsa,
        },
        rounds,
      )
      if (size === '1 KB') rsaMs = median(times.rsa)
      rows.push(row({ size, roundTripMs: 0, rounds }, times))
    }
    return { rsaMs, rows }
  } finally {
    callers.ours.close()
  }
}

async function measureDistant(
  urls: Urls,
  quick: boolean,
): Promise<Pick<CallResult, 'ours' | 'plain'> & { row: CallRow }> {
  const ours = await startRelay(urls.ours)
  const plain = await startRelay(urls.plain)
  const callers = { ours: sealedCaller(ours.url), plain: plainCaller(plain.url) }
  const request = chatRequest('1 KB', 'ascii')
  const rounds = quick ? 3 : DISTANT_ROUNDS
  const counts = async (): Promise<{ ours: RelayCounts; plain: RelayCounts }> => ({
    ours: await ours.relay.ask('counts'),
    plain: await plain.relay.ask('counts'),
  })
  try {
    await warmUp(callers, quick ? 3 : DISTANT_WARM_UP_CALLS)
    const before = await counts()
    const times = await interleave(
      { ours: () => sample(callers.ours, request), plain: () => sample(callers.plain, request) },
      rounds,
    )
    const after = await counts()
    return {
      row: row({ size: '1 KB', roundTripMs: ROUND_TRIP_MS, rounds }, times),
      ours: perCall(before.ours, after.ours, rounds),
      plain: perCall(before.plain, after.plain, rounds),
    }
  } finally {
    callers.ours.close()
    await ours.relay.stop()
    await plain.relay.stop()
  }
}

async function startRelay(url: string): Promise<{ relay: Child; url: string }> {
  const relay = startChild('relay', {
    port: Number(new URL(url).port),
    delayMs: ROUND_TRIP_MS / 2,
  })
  return { relay, url: await relay.ask<string>() }
}

async function warmUp(
  callers: Readonly<Record<'ours' | 'plain', Caller>>,
  calls: number,
): Promise<void> {
  const request = chatRequest('1 KB', 'ascii')
  for (let call = 0; call < calls; call++) {
    await sample(callers.ours, request)
    await sample(callers.plain, request)
  }
}

async function sample(caller: Caller, request: ChatRequest): Promise<number> {
  const startedAt = performance.now()
  const answer = await caller.ask(request)
  const durationMs = performance.now() - startedAt
  checkEcho(answer, request)
  return durationMs
}

function row(
  facts: Pick<CallRow, 'size' | 'roundTripMs' | 'rounds'>,
  times: Readonly<Record<'ours' | 'plain', readonly number[]>>,
): CallRow {
  return { ...facts, oursMs: median(times.ours), plainMs: median(times.plain) }
}

function perCall(before: RelayCounts, after: RelayCounts, calls: number): PerCall {
  return {
    requests: (after.requests - before.requests) / calls,
    newConnections: (after.connections - before.connections) / calls,
  }
}

function rsaOperation(pem: KeyPem): () => Promise<number> {
  const oaep = { oaepHash: 'sha256' }
  const publicKey = createPublicKey(pem.publicKey)
  const privateKey = createPrivateKey(pem.privateKey)
  const wrapped = publicEncrypt({ key: publicKey, ...oaep }, Buffer.alloc(32, 1))
  return () => timeMs(() => privateDecrypt({ key: privateKey, ...oaep }, wrapped))
}
