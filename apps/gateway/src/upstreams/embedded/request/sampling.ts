import { randomInt } from 'node:crypto'
import type { SamplingOptions } from '../library.js'
import { unsupported } from '../refusals.js'

type Members = Readonly<Record<string, unknown>>

/** Values for small models, which write nonsense without a bound on unlikely tokens. */
const TEMPERATURE = 0.8
const TOP_P = 0.95
const TOP_K = 40
const MIN_P = 0.05

const MAX_TOP_K = 1_000_000
const MAX_STOPS = 16
const MAX_STOP_LENGTH = 1000
const SEEDS = 2 ** 32

/**
 * Reads the members that decide how an answer is written and where it ends.
 *
 * @throws UpstreamRefusal
 */
export function readSampling(request: Members): SamplingOptions {
  const number = (name: string, least: number, most: number, otherwise: number): number =>
    readNumber(request, name, [least, most]) ?? otherwise
  const frequencyPenalty = number('frequency_penalty', -2, 2, 0)
  const presencePenalty = number('presence_penalty', -2, 2, 0)
  const penalty = number('repeat_penalty', 0.1, 10, 1)
  const isPenalized = frequencyPenalty !== 0 || presencePenalty !== 0 || penalty !== 1
  return {
    temperature: number('temperature', 0, 2, TEMPERATURE),
    topP: number('top_p', 0, 1, TOP_P),
    topK: Math.floor(number('top_k', 0, MAX_TOP_K, TOP_K)),
    minP: number('min_p', 0, 1, MIN_P),
    // Modulo 2^32, as the library has it.
    seed: (readNumber(request, 'seed') ?? randomInt(SEEDS)) >>> 0,
    repeatPenalty: isPenalized
      ? { penalty, frequencyPenalty, presencePenalty, penalizeNewLine: true }
      : false,
    customStopTriggers: readStops(request['stop']),
  }
}

/**
 * Reads the largest number of tokens of the answer; undefined where the request sets none.
 *
 * @param names - members in the order in which they count
 * @throws UpstreamRefusal
 */
export function readMaxTokens(request: Members, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = readNumber(request, name, [1, Number.MAX_SAFE_INTEGER])
    if (value !== undefined) return Math.floor(value)
  }
  return undefined
}

function readNumber(
  request: Members,
  name: string,
  [least, most] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
): number | undefined {
  const value = request[name] ?? undefined
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw unsupported(
    name,
    `${name} must be a number from ${String(least)} to ${String(most)}.`,
    'invalid_value',
  )
}

function readStops(stop: unknown): readonly string[] {
  if (stop === undefined || stop === null) return []
  const stops: readonly unknown[] = Array.isArray(stop) ? stop : [stop]
  const isUsable = (text: unknown): text is string =>
    typeof text === 'string' && text !== '' && text.length <= MAX_STOP_LENGTH
  if (stops.length <= MAX_STOPS && stops.every(isUsable)) return stops
  throw unsupported(
    'stop',
    `stop must be a text, or a list of at most ${String(MAX_STOPS)} texts.`,
    'invalid_value',
  )
}
