/** Above every real list and every real name. */
const MAX_MODELS = 1000
const MAX_NAME_LENGTH = 256
const MAX_OWNERS = 16

/** Models of a server, as it lists them. */
export interface ModelList {
  readonly names: readonly string[]
  /** Values of `owned_by`, by which some servers name themselves. */
  readonly owners: readonly string[]
}

/**
 * Reads the list of a model server, which is not trusted to be well-formed: `{ data: [...] }` as OpenAI
 * writes it, `{ models: [...] }`, or a bare array, of objects or names.
 *
 * @returns undefined if the text is no list of models
 */
export function parseModelList(text: string): ModelList | undefined {
  const models = listIn(parseJson(text))?.slice(0, MAX_MODELS)
  if (models === undefined) return undefined
  const owners = new Set(models.map(ownerOf).filter(isShortText))
  return { names: models.map(nameOf).filter(isShortText), owners: [...owners].slice(0, MAX_OWNERS) }
}

const isShortText = (value: unknown): value is string =>
  typeof value === 'string' && isModelName(value)

/** Checks for a name that is short enough to be kept. */
export const isModelName = (name: string): boolean =>
  name.length > 0 && name.length <= MAX_NAME_LENGTH

/** Merges lists of names, sorted so that the order does not reveal the server of a model. */
export function mergeModelNames(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort().slice(0, MAX_MODELS)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function listIn(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value as unknown[]
  if (typeof value !== 'object' || value === null) return undefined
  const { data, models } = value as Record<string, unknown>
  return [data, models].find((list): list is unknown[] => Array.isArray(list))
}

function nameOf(model: unknown): unknown {
  if (typeof model !== 'object' || model === null) return model
  const { id, name, model: own } = model as Record<string, unknown>
  return id ?? name ?? own
}

const ownerOf = (model: unknown): unknown =>
  typeof model === 'object' && model !== null && 'owned_by' in model ? model.owned_by : undefined
