/** More than anybody serves, and as long as anybody names them. */
const MAX_MODELS = 1000
const MAX_NAME_LENGTH = 256

/** The names in what a model server says of its models. It is another machine: nothing is taken for granted. */
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

/** Every name once, in an order that does not tell who said it. */
export function mergeModelNames(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort().slice(0, MAX_MODELS)
}
