import { alternate } from '../alternate.js'
import { runChild, startChild } from '../child.js'
import type { KeyPem } from '../key.js'
import type { Progress } from '../progress.js'
import { saveKey } from '../save-key.js'
import { startGateway } from '../start-gateway.js'
import { median, medians } from '../statistics.js'
import type { ColdInput, ColdTimes } from './cold-child.js'

export interface ColdResult {
  readonly rounds: number
  /** Medians where a key is made. */
  readonly madeKey: ColdTimes
  /** Median of first completion less key, each pair from one process: keys take very different times. */
  readonly afterKeyMs: number
  /** Medians where the key was saved before. */
  readonly savedKey: ColdTimes
  /** The longest block of all runs, where the median is what is judged. */
  readonly worstBlockMs: number
  /** Medians of plain `fetch`. */
  readonly plain: ColdTimes
}

const ROUNDS = 9

/** Times the first completion of fresh processes, one after the other. */
export async function measureCold(
  pem: KeyPem,
  progress: Progress,
  quick: boolean,
): Promise<ColdResult> {
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
    // The servers compile their code meanwhile.
    await alternate(tasks, 1)
    const rounds = quick ? 2 : ROUNDS
    const times = await alternate(tasks, rounds)
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
