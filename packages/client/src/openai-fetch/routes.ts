import type { FetchCall } from './fetch-call.js'

const MODELS = '/v1/models'

/** The routes of OpenAI's API that a gateway may offer. Of two that fit, the first is the longer one. */
const POSTED = [
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/rerank',
  '/v1/images/generations',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
  '/v1/audio/translations',
]

/** The routes whose content is a form; that of every other is JSON. */
const FORMS = ['/v1/audio/transcriptions', '/v1/audio/translations']

/** All calls that are served, for texts. */
export const SERVED = [
  ...POSTED.map((path) => `POST ${path}`),
  `GET ${MODELS}`,
  `GET ${MODELS}/{id}`,
].join(', ')

/**
 * Returns the path at the gateway for a call, by the end of its own path: what precedes it is the base URL
 * of an SDK. Undefined for a call that is not served.
 */
export function routeOf({ method, pathname }: FetchCall): string | undefined {
  if (method === 'POST') return POSTED.find((path) => pathname.endsWith(path.slice('/v1'.length)))
  if (method !== 'GET') return undefined
  const [isModels, id] = /\/models(?:\/([^/]+))?$/.exec(pathname) ?? []
  if (isModels === undefined) return undefined
  return id === undefined ? MODELS : `${MODELS}/${encodeURIComponent(decoded(id))}`
}

/** Checks for a path at the gateway whose content is a form. */
export const takesForm = (path: string): boolean => FORMS.includes(path)

/** Checks for the path of the models, or of one. */
export const isModels = (path: string): boolean => path.startsWith(MODELS)

/** Returns the name of the model in the path of one. */
export function modelOf(path: string): string | undefined {
  const id = path.slice(MODELS.length + 1)
  return id === '' ? undefined : decoded(id)
}

/** SDKs encode the slash in the name of a model. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}
