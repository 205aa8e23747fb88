import { runChild } from '../harness/child-process.js'
import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { startServers } from '../harness/servers.js'
import { median, medians } from '../harness/statistics.js'
import type { ColdInput, ColdTimes } from './cold-child.js'

const ROUNDS = 15
/** A key takes most of a second, and its time is subtracted. */
const KEY_ROUNDS = 7

/** Times the first completion of fresh processes, one after the other. */
export async function measureCold(context: RunContext) {
  const { ours, plain, keyDir } = await startServers(context)
  const run = (input: ColdInput) => () => runChild<ColdTimes>('cold-child', input)
  const tasks = {
    madeKey: run({ way: 'sealed', baseUrl: ours, wire: 1 }),
    savedKey: run({ way: 'sealed', baseUrl: ours, wire: 1, keyDir }),
    wire2: run({ way: 'sealed', baseUrl: ours, wire: 2 }),
    plain: run({ way: 'fetch', baseUrl: plain }),
  }
  context.progress('cold start')
  // Meanwhile the servers compile their code.
  await interleave(tasks, 1)
  const rounds = context.quick ? 2 : ROUNDS
  const times = await interleave(tasks, rounds, { madeKey: KEY_ROUNDS })
  return {
    rounds,
    madeKey: medians(times.madeKey),
    /** First completion less key, each pair from one process: key generation times vary widely. */
    afterKeyMs: median(times.madeKey.map((one) => one.firstCompletionMs - one.keyMs)),
    savedKey: medians(times.savedKey),
    wire2: medians(times.wire2),
    /** Of wire 2, import and first completion together. */
    wire2Ms: median(times.wire2.map((one) => one.importMs + one.firstCompletionMs)),
    /** The longest block of all runs; the target applies to the median. */
    worstBlockMs: Math.max(...times.madeKey.map(({ longestBlockMs }) => longestBlockMs)),
    plain: medians(times.plain),
  }
}
