import type { SecureChatCompletion } from '../secure-chat-completion.js'
import { isObject } from '../config/checks.js'
import { modelNotFoundResponse, noModelListResponse } from './error-response.js'
import { modelOf } from './routes.js'

/** Options of a request for the list of models. */
interface ListOptions {
  readonly apiKey: string | undefined
  readonly signal: AbortSignal | undefined
}

/**
 * Builds the response of OpenAI's API for the list of models, or for one of them, where the gateway does
 * not offer them encrypted.
 */
export async function modelsResponse(
  client: SecureChatCompletion,
  path: string,
  options: ListOptions,
): Promise<Response> {
  const list = await client.listModels(options)
  if (list === undefined) return noModelListResponse()
  const name = modelOf(path)
  if (name === undefined) return json(list.body)
  const { data } = JSON.parse(new TextDecoder().decode(list.body)) as { data: unknown[] }
  const model = data.find((candidate) => isObject(candidate) && candidate['id'] === name)
  return model === undefined ? modelNotFoundResponse() : json(JSON.stringify(model))
}

const json = (body: BodyInit): Response =>
  new Response(body, {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
