import type { Members } from './members.js'

/** Converts a model to Anthropic's shape, which asks for facts that no other list has: these are null. */
export function modelInfo({ id, created }: Members): Members {
  const seconds = Number.isSafeInteger(created) && (created as number) < 1e11 ? Number(created) : 0
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(Math.max(0, seconds) * 1000).toISOString(),
    capabilities: null,
    deprecated_at: null,
    lifecycle: 'active',
    line: null,
    max_input_tokens: null,
    max_tokens: null,
    retires_at: null,
  }
}

/** Converts a list of models to the only page of Anthropic's list. */
export const modelPage = (models: readonly Members[]): Members => ({
  data: models.map(modelInfo),
  has_more: false,
  first_id: models[0]?.['id'] ?? null,
  last_id: models.at(-1)?.['id'] ?? null,
})
