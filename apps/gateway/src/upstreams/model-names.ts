/** Above every real list and every real name. */
const MAX_MODELS = 1000
const MAX_NAME_LENGTH = 256

/** Extracts the model names from an answer of a model server, which is not trusted to be well-formed. */
export function parseModelNames(models: Record<string, unknown>): readonly string[] {
  const { data } = models
  if (!Array.isArray(data)) return []
  return data
    .slice(0, MAX_MODELS)
    .map((model: unknown) =>
      typeof model === 'object' && model !== null && 'id' in model ? model.id : undefined,
    )
    .filter((id): id is string => typeof id === 'string' && isName(id))
}

const isName = (id: string): boolean => id.length > 0 && id.length <= MAX_NAME_LENGTH

/** Merges lists of names, sorted so that the order does not reveal the server of a model. */
export function mergeModelNames(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort().slice(0, MAX_MODELS)
}
