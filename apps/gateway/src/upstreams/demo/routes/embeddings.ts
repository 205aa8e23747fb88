import { createHash } from 'node:crypto'
import { errorObject } from '../../../confidential-refusal.js'
import { UpstreamRefusal } from '../../server/upstream-refusal.js'
import { LABEL, NOTE, roughTokens } from '../label.js'

type Members = Readonly<Record<string, unknown>>

/** Numbers that are made up at once. */
const MAX_NUMBERS = 100_000
const DEFAULT_DIMENSIONS = 8

/** Makes up embeddings: the same numbers for the same input, without any meaning. */
export function embed({ input, model, dimensions, encoding_format: encoding }: Members): Members {
  const inputs = inputsOf(input)
  const isGiven = Number.isInteger(dimensions) && Number(dimensions) > 0
  const size = isGiven ? Number(dimensions) : DEFAULT_DIMENSIONS
  if (inputs.length * size > MAX_NUMBERS) throw tooMany()
  const tokens = roughTokens(input ?? '')
  return {
    object: 'list',
    data: inputs.map((text, index) => {
      const vector = vectorOf(JSON.stringify(text), size)
      const embedding = encoding === 'base64' ? base64Of(vector) : [...vector]
      return { object: 'embedding', index, embedding }
    }),
    model,
    system_fingerprint: LABEL,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

const tooMany = (): UpstreamRefusal =>
  new UpstreamRefusal(
    errorObject(400, {
      message: `${NOTE} The request asks for too many numbers.`,
      type: 'invalid_request_error',
      param: 'dimensions',
    }),
  )

/** Lists the inputs: texts, or lists of tokens. */
function inputsOf(input: unknown): readonly unknown[] {
  if (!Array.isArray(input)) return [input ?? '']
  return input.some((item) => typeof item === 'number') ? [input] : (input as unknown[])
}

/** Spreads the hash of a text over a vector of length 1. */
function vectorOf(text: string, size: number): Float32Array {
  const hash = createHash('sha256').update(text).digest()
  const values = Float32Array.from({ length: size }, (_, at) => {
    const byte = hash[at % hash.length] ?? 0
    return (byte - 127.5) / 127.5
  })
  const length = Math.hypot(...values)
  return values.map((value) => value / length)
}

const base64Of = ({ buffer }: Float32Array): string => Buffer.from(buffer).toString('base64')
