import { crc32 } from 'node:zlib'
import { errorObject } from '../../../confidential-refusal.js'
import { UpstreamRefusal } from '../../server/upstream-refusal.js'
import { LABEL, NOTE, roughTokens } from '../label.js'

type Members = Readonly<Record<string, unknown>>

/** Numbers that are made up at once. */
const MAX_NUMBERS = 100_000
const DEFAULT_DIMENSIONS = 64

/** Characters that are read of all inputs together. */
const MAX_CHARACTERS = 1_000_000

/** Makes up embeddings: texts that share words are near each other, whatever the words mean. */
export function embed({ input, model, dimensions, encoding_format: encoding }: Members): Members {
  const inputs = inputsOf(input)
  const isGiven = Number.isInteger(dimensions) && Number(dimensions) > 0
  const size = isGiven ? Number(dimensions) : DEFAULT_DIMENSIONS
  if (inputs.length * size > MAX_NUMBERS) throw tooMany()
  const characters = Math.ceil(MAX_CHARACTERS / inputs.length)
  const tokens = roughTokens(input ?? '')
  return {
    object: 'list',
    data: inputs.map((text, index) => {
      const vector = vectorOf(JSON.stringify(text).slice(0, characters), size)
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

/** Counts the words of a text, each at a place of its own as far as there are enough, to a vector of length 1. */
function vectorOf(text: string, size: number): Float32Array {
  const counts = new Float32Array(size)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const at = crc32(word) % size
    counts[at] = (counts[at] ?? 0) + 1
  }
  const length = Math.hypot(...counts)
  return counts.map((count) => count / length)
}

const base64Of = ({ buffer }: Float32Array): string => Buffer.from(buffer).toString('base64')
