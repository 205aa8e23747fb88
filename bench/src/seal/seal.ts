import { interleave } from '../harness/interleave.js'
import { readKey, type RunContext } from '../harness/run-context.js'
import { mapValues, medians } from '../harness/statistics.js'
import { SIZES, type Size, type Text } from '../messages.js'
import {
  checkOpened,
  messageOf,
  verify,
  type Contender,
  type ContenderName,
  type Message,
} from './contender.js'
import { makeContenders } from './contenders/index.js'

/** Milliseconds of one message; the sum is measured as a whole, not added up from medians. */
export type SealTimes = Readonly<Record<'sealMs' | 'openMs' | 'sumMs', number>>

export interface SealRow {
  readonly size: Size
  readonly text: Text
  readonly rounds: number
  /** Medians. */
  readonly times: Readonly<Record<ContenderName, SealTimes>>
}

/** Rounds by size: more where a round takes less. */
const ROUNDS: Readonly<Record<Size, number>> = { '1 KB': 60, '64 KB': 60, '1 MB': 45, '9 MB': 15 }

/** Rounds until code is compiled. */
const WARM_UP_ROUNDS = 30

/** Times sealing and opening of chat requests by every contender. */
export async function measureSeal({ progress, quick }: RunContext): Promise<SealRow[]> {
  const contenders = await makeContenders(readKey())
  const measureRow = async (message: Message, rounds: number): Promise<SealRow['times']> => {
    const tasks = mapValues(contenders, (contender) => () => sample(contender, message))
    return mapValues(await interleave(tasks, rounds), medians)
  }
  await measureRow(messageOf('1 KB', 'ascii'), quick ? 5 : WARM_UP_ROUNDS)
  const rows: SealRow[] = []
  for (const size of Object.keys(SIZES) as Size[]) {
    for (const text of ['ascii', 'multi-byte'] as const) {
      progress(`seal and open: ${size}, ${text}`)
      const message = messageOf(size, text)
      for (const one of Object.values(contenders)) await verify(one, contenders.ours, message)
      const rounds = quick ? Math.min(3, Math.ceil(ROUNDS[size] / 15)) : ROUNDS[size]
      rows.push({ size, text, rounds, times: await measureRow(message, rounds) })
    }
  }
  return rows
}

async function sample(contender: Contender, message: Message): Promise<SealTimes> {
  const startedAt = performance.now()
  const sealed = await contender.seal(message)
  const sealedAt = performance.now()
  const opened = await contender.open(sealed)
  const openedAt = performance.now()
  checkOpened(opened, message, contender.name)
  return {
    sealMs: sealedAt - startedAt,
    openMs: openedAt - sealedAt,
    sumMs: openedAt - startedAt,
  }
}
