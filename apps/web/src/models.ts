/** Names of models, or why there are none. */
export type ModelList = { readonly names: readonly string[] } | { readonly problem: string }

const MAX_MODELS = 1000

/** Asks the gateway what can be asked for. Never throws: a name can be typed instead. */
export async function fetchModels(send: typeof fetch, apiKey: string): Promise<ModelList> {
  try {
    const headers: Record<string, string> = /^[\x21-\x7e]+$/.test(apiKey)
      ? { authorization: `Bearer ${apiKey}` }
      : {}
    const response = await send('/v1/models', {
      headers,
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
    })
    if (response.status === 401) {
      return { problem: 'The list needs a valid API key. A name can be typed.' }
    }
    if (response.status === 429) {
      return { problem: 'Too many requests for now. A name can be typed.' }
    }
    const names = response.ok ? namesIn(await response.json()) : []
    return names.length > 0 ? { names } : NO_LIST
  } catch {
    return NO_LIST
  }
}

const NO_LIST = { problem: 'The gateway gave no list of models. A name can be typed.' }

function namesIn(answer: unknown): readonly string[] {
  const data =
    isRecord(answer) && Array.isArray(answer['data']) ? (answer['data'] as unknown[]) : []
  return data
    .slice(0, MAX_MODELS)
    .map((model) => (isRecord(model) ? model['id'] : undefined))
    .filter((id): id is string => typeof id === 'string' && id !== '')
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
