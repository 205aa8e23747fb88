import { interleave } from '../harness/interleave.js'
import { runChild, startChild } from '../harness/child-process.js'
import type { RunContext } from '../harness/run-context.js'
import { saveKey } from '../harness/saved-key.js'
import { startGateway } from '../harness/gateway-process.js'
import { median, medians } from '../harness/statistics.js'
import type { ColdInput, ColdTimes } from './cold-child.js'

export interface ColdResult {
  readonly rounds: number
  /** Medians with a generated key. */
  readonly madeKey: ColdTimes
  /** Median of first completion less key, each pair from one process: key generation times vary widely. */
  readonly afterKeyMs: number
  /** Medians with a saved key. */
  readonly savedKey: ColdTimes
  /** The longest block of all runs; the target applies to the median. */
  readonly worstBlockMs: number
  /** Medians of plain `fetch`. */
  readonly plain: ColdTimes
}

const ROUNDS = 9

/** Times the first completion of fresh processes, one after the other. */
export async function measureCold({ pem, progress, quick }: RunContext): Promise<ColdResult> {
  const gateway = await startGateway()
  const plainServer = startChild('plain-server', null)
  const saved = await saveKey(pem)
  try {
    const plainUrl = await plainServer.ask<string>()
    const run = (input: ColdInput): Promise<ColdTimes> => runChild('cold-child', input)
    const tasks = {
      madeKey: () => run({ way: 'sealed', baseUrl: gateway.url }),
      savedKey: () => run({ way: 'sealed', baseUrl: gateway.url, keyDir: saved.folder }),
      plain: () => run({ way: 'fetch', baseUrl: plainUrl }),
    }
    progress('cold start')
    // Meanwhile the servers compile their code.
    await interleave(tasks, 1)
    const rounds = quick ? 2 : ROUNDS
    const times = await interleave(tasks, rounds)
    const { madeKey, savedKey, plain } = times
    return {
      rounds,
      madeKey: medians(madeKey),
      afterKeyMs: median(madeKey.map(({ firstCompletionMs, keyMs }) => firstCompletionMs - keyMs)),
      savedKey: medians(savedKey),
      worstBlockMs: Math.max(...madeKey.map(({ longestBlockMs }) => longestBlockMs)),
      plain: medians(plain),
    }
  } finally {
    await saved.remove()
    await plainServer.stop()
    await gateway.stop()
  }
}
