import { interleave } from '../harness/interleave.js'
import type { RunContext } from '../harness/run-context.js'
import { SIZES, chatRequest, type Size, type Text } from '../messages.js'
import { medians } from '../harness/statistics.js'
import { CONTENDERS, type Contender, type ContenderName, type Message } from './contender.js'
import { CONTENDER_MAKERS } from './contenders/index.js'
import { checkOpened, verify } from './verify.js'

/** Median milliseconds of one message; the sum is measured as a whole, not added up from medians. */
export interface SealTimes {
  readonly sealMs: number
  readonly openMs: number
  readonly sumMs: number
}

export interface SealRow {
  readonly size: Size
  readonly text: Text
  readonly rounds: number
  readonly times: Readonly<Record<ContenderName, SealTimes>>
}

export type SealResult = readonly SealRow[]

/** Rounds by size: more where a round takes less. */
const ROUNDS: Readonly<Record<Size, number>> = { '1 KB': 60, '64 KB': 60, '1 MB': 45, '9 MB': 7 }

/** Rounds until code is compiled. */
const WARM_UP_ROUNDS = 30

/** Times sealing and opening of chat requests by every contender. */
export async function measureSeal({ pem, progress, quick }: RunContext): Promise<SealResult> {
  const contenders = await Promise.all(CONTENDERS.map(async (name) => CONTENDER_MAKERS[name](pem)))
  await measureRow(contenders, messageOf('1 KB', 'ascii'), quick ? 5 : WARM_UP_ROUNDS)
  const rows: SealRow[] = []
  for (const size of Object.keys(SIZES) as Size[]) {
    for (const text of ['ascii', 'multi-byte'] as const) {
      progress(`seal and open: ${size}, ${text}`)
      const message = messageOf(size, text)
      const [ours] = contenders as [Contender]
      for (const contender of contenders) await verify(contender, ours, message)
      const rounds = quick ? 3 : ROUNDS[size]
      rows.push({ size, text, rounds, times: await measureRow(contenders, message, rounds) })
    }
  }
  return rows
}

function messageOf(size: Size, text: Text): Message {
  const value = chatRequest(size, text)
  return { value, json: new TextEncoder().encode(JSON.stringify(value)) }
}

async function measureRow(
  contenders: readonly Contender[],
  message: Message,
  rounds: number,
): Promise<Record<ContenderName, SealTimes>> {
  const tasks = Object.fromEntries(
    contenders.map((contender) => [contender.name, () => sample(contender, message)]),
  ) as Record<ContenderName, () => Promise<SealTimes>>
  const samples = await interleave(tasks, rounds)
  return Object.fromEntries(
    CONTENDERS.map((name) => [name, medians(samples[name])]),
  ) as unknown as Record<ContenderName, SealTimes>
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
