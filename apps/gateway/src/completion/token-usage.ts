import type { JsonObject } from '../json/json-object.js'
import type { TokenUsage } from '../observability/completion-record.js'

/** Far above every context: one faulty report must not spoil the sums of a process. */
const MAX_TOKENS = 1_000_000_000

/** Reads the `usage` of a completion; counts that are missing or impossible are left out. */
export const tokenUsage = (answer: JsonObject): TokenUsage | undefined =>
  usageOf(answer.isSmall('usage') ? answer.member('usage') : undefined)

/** Reads token counts by the names of chat completions, or of the Responses API; undefined where there is none. */
export function usageOf(usage: unknown): TokenUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined
  const counts = new Map<string, unknown>(Object.entries(usage))
  const count = (...names: string[]): number | undefined => {
    const value = names.map((name) => counts.get(name)).find((given) => given !== undefined)
    const isCount = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_TOKENS
    return isCount ? Number(value) : undefined
  }
  const found = {
    promptTokens: count('prompt_tokens', 'input_tokens'),
    completionTokens: count('completion_tokens', 'output_tokens'),
    totalTokens: count('total_tokens'),
  }
  return Object.values(found).some((tokens) => tokens !== undefined) ? found : undefined
}

/** Reads the `model` of a completion, which a model server may spell in another way than the request. */
export function responseModel(answer: JsonObject): string | undefined {
  const model = answer.isSmall('model') ? answer.member('model') : undefined
  return typeof model === 'string' ? model : undefined
}
