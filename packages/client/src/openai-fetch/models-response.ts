import type { SecureChatCompletion } from '../secure-chat-completion.js'
import { isObject } from '../config/checks.js'
import {
  modelNotFoundResponse,
  noModelListResponse,
  unsupportedRouteResponse,
} from './error-response.js'
import type { FetchCall } from './fetch-call.js'
import { keyIn, readHeaders } from './read-request.js'

/** The path of the list, and that of one model in it. */
const MODELS = /\/models(?:\/([^/]+))?$/

/** Checks for a request of the models. */
export const isModels = ({ method, pathname }: FetchCall): boolean =>
  method === 'GET' && MODELS.test(pathname)

/** Builds the response of OpenAI's API for the list of models, or for one of them. */
export async function modelsResponse(
  client: SecureChatCompletion,
  { headers, pathname, signal }: FetchCall,
  usesSdkKey: boolean,
): Promise<Response> {
  // A client of another copy of this package may be older.
  if (typeof (client as Partial<SecureChatCompletion>).listModels !== 'function') {
    return unsupportedRouteResponse()
  }
  const apiKey = usesSdkKey ? keyIn(readHeaders(headers)) : undefined
  const list = await client.listModels({ apiKey, signal })
  if (list === undefined) return noModelListResponse()
  const id = MODELS.exec(pathname)?.[1]
  if (id === undefined) return json(list.body)
  const { data } = JSON.parse(new TextDecoder().decode(list.body)) as { data: unknown[] }
  const name = decoded(id)
  const model = data.find((candidate) => isObject(candidate) && candidate['id'] === name)
  return model === undefined ? modelNotFoundResponse() : json(JSON.stringify(model))
}

const json = (body: BodyInit): Response =>
  new Response(body, {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })

/** SDKs encode the slash in the name of a model. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    return id
  }
}
