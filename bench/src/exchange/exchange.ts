import { interleave } from '../harness/interleave.js'
import { hasFastRsa } from '../harness/rsa.js'
import type { RunContext } from '../harness/run-context.js'
import { mapValues, median, timeMs } from '../harness/statistics.js'
import { assertSame, chatRequest, type Size } from '../messages.js'
import type { ExchangeContender, ExchangeContenderName } from './contender.js'
import { aes } from './contenders/aes.js'
import { ehbp, hpkeCore, hpkeOfPanva, jose } from './contenders/peers.js'
import { wire1, wire2 } from './contenders/wires.js'

/** Medians of one size, in milliseconds. */
export interface ExchangeRow {
  readonly size: Size
  readonly rounds: number
  readonly times: Readonly<Record<ExchangeContenderName, number>>
}

/** Rounds by size. */
const ROUNDS = { '1 KB': 80, '1 MB': 45, '9 MB': 21 } as const
/** Rounds of formats that no target is about, at most: most of them are much slower. */
const PEER_ROUNDS = { '1 KB': 80, '1 MB': 15, '9 MB': 3 } as const
/** Rounds until code is compiled. */
const WARM_UP_ROUNDS = 60

/** Times whole exchanges without a network: both ends of wire 2, of wire 1, and of other formats. */
export async function measureExchange({ progress, quick }: RunContext) {
  const contenders: Record<ExchangeContenderName, ExchangeContender> = {
    wire2: await wire2(),
    wire1: await wire1(),
    aes: aes(),
    hpke: await hpkeOfPanva(),
    hpkeCore: await hpkeCore(),
    ehbp: await ehbp(),
    jose: await jose(),
  }
  const measureRow = async (
    size: keyof typeof ROUNDS,
    rounds: number,
  ): Promise<ExchangeRow['times']> => {
    const request = chatRequest(size, 'ascii')
    const tasks = mapValues(contenders, (contender, name) => async () => {
      let answer: unknown
      const durationMs = await timeMs(async () => (answer = await contender.exchange(request)))
      assertSame(answer, request, name)
      return durationMs
    })
    const peers = PEER_ROUNDS[size]
    const fewer = { hpke: peers, hpkeCore: peers, ehbp: peers, jose: peers }
    return mapValues(await interleave(tasks, rounds, fewer), median)
  }
  progress('exchange: warming up')
  await measureRow('1 KB', quick ? 3 : WARM_UP_ROUNDS)
  const rows: ExchangeRow[] = []
  for (const size of Object.keys(ROUNDS) as (keyof typeof ROUNDS)[]) {
    progress(`exchange: ${size}`)
    const rounds = quick ? Math.min(3, Math.ceil(ROUNDS[size] / 21)) : ROUNDS[size]
    rows.push({ size, rounds, times: await measureRow(size, rounds) })
  }
  return { rows, hasFastRsa: hasFastRsa() }
}
