import { faultOf } from './oracle.js'
import { Worker } from './worker.js'
import { randomFor } from './random.js'
import { loadCorpus, makeInput, type Input } from './requests.js'

export const SEED = Number(process.env['NOMYO_FUZZ_SEED'] ?? 20_26)
const WORKERS = 32

/** The kinds of input; each takes part in every run. */
export const KINDS = [
  'envelope',
  'framing',
  'get',
  'good',
  'header',
  'malformed',
  'method',
  'mixed',
  'path',
  'raw',
]

/** A run: how often each outcome was seen, and the first fault with everything to repeat it. */
export interface Run {
  readonly outcomes: Map<string, number>
  readonly fault: string | undefined
}

/** Sends the inputs of these indexes over many connections; stops at the first fault. */
export async function sendInputs(port: number, from: number, to: number): Promise<Run> {
  const corpus = await loadCorpus()
  const outcomes = new Map<string, number>()
  let next = from
  let fault: string | undefined
  const run = async (worker: Worker): Promise<void> => {
    while (next < to && fault === undefined) {
      const index = next++
      const input = await makeInput(randomFor(SEED, index), corpus, index)
      const found = await worker.send(input).then(
        (answers) => {
          const outcome = `${input.kind.split(' ')[0]} ${answers[0]?.status ?? 'none'}`
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
          return faultOf(input, answers)
        },
        (error: unknown) => String(error),
      )
      if (found !== undefined) fault ??= report(index, input, found)
    }
    worker.close()
  }
  await Promise.all(
    Array.from({ length: WORKERS }, (_, at) => run(new Worker(port, `127.0.1.${at + 1}`))),
  )
  return { outcomes, fault }
}

/** Lists the kinds that took part in runs. */
export const kindsIn = (outcomes: Iterable<string>): string[] =>
  [...new Set([...outcomes].map((outcome) => outcome.split(' ')[0] ?? ''))].sort()

const report = (index: number, { kind, bytes }: Input, fault: string): string =>
  `NOMYO_FUZZ_SEED=${SEED} NOMYO_FUZZ_INDEX=${index} (${kind}): ${fault}\n` +
  JSON.stringify(bytes.toString('latin1').slice(0, 2000))
