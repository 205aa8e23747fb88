import type { TokenUsage } from '../observability/completion-record.js'

/** Reads the `usage` of a completion; counts that are missing or no counts are left out. */
export function tokenUsage(usage: unknown): TokenUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined
  const counts = new Map<string, unknown>(Object.entries(usage))
  const count = (name: string): number | undefined => {
    const value = counts.get(name)
    return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
  }
  return {
    promptTokens: count('prompt_tokens'),
    completionTokens: count('completion_tokens'),
    totalTokens: count('total_tokens'),
  }
}
