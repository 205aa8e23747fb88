import { platform } from '#platform'
import { APIConnectionError, InvalidRequestError } from '@nomyo/transport/errors'
import { plainObject } from '../config/checks.js'
import type { SecureChatCompletionOptions } from '../config/options.js'
import { makeDisposable } from '../disposable.js'
import { SecureChatCompletion } from '../secure-chat-completion.js'
import { abortableResponse } from './abortable-response.js'
import { errorResponse, notCalledResponse, unsupportedRouteResponse } from './error-response.js'
import { readFetchCall, type FetchCall, type FetchInput } from './fetch-call.js'
import { modelsResponse } from './models-response.js'
import { readHeaders } from './read-headers.js'
import { isModels, routeOf } from './routes.js'

/** The options of a client to create for this `fetch`, or an existing client. */
export type NomyoFetchOptions =
  (SecureChatCompletionOptions & { client?: undefined }) | { client: SecureChatCompletion }

/** A `fetch` for OpenAI's SDK and compatible ones; see {@link createNomyoFetch}. */
export interface NomyoFetch {
  (input: FetchInput, init?: RequestInit): Promise<Response>
  /** Ends the client created for it, not one that was given. Safe to call twice. */
  dispose(): void
  /** The same as {@link NomyoFetch.dispose}, for `using`, where the runtime knows it. */
  [Symbol.dispose]: () => void
}

/**
 * Creates a `fetch` for the official `openai` SDK, and for other programs that request OpenAI's chat
 * completions through a custom `fetch`.
 *
 * It serves the routes of OpenAI's API that gateways offer: chat completions, completions, embeddings,
 * responses, rerank, images, audio and models. The host of the URL is ignored and never contacted: the
 * request is encrypted as it is and sent to the gateway of the client, and the answer is handed on as it
 * is decrypted, streams part by part. Every other call gets 404 and is not sent.
 *
 * On wire 1 there are chat completions and models alone. Completions arrive whole, also where a stream is
 * asked for, and are returned as one after decryption (`x-nomyo-stream: synthetic`). The request for the
 * models is not encrypted there, and carries the API key alone.
 *
 * The key sent is `apiKey` (or `NOMYO_API_KEY` of the environment), else the SDK's own. A given client
 * sends its own key and never the SDK's. A client created here tries once (`maxRetries` 0) by default:
 * the SDK retries by itself, and each of its attempts is encrypted anew.
 *
 * Failures take the form of OpenAI's API, so that the SDK throws its usual classes, with the codes of
 * this library. 406 and `nomyo_security_error` stand for keys or answers that cannot be trusted. The
 * returned function throws only without a complete answer: {@link APIConnectionError}, or the reason of
 * an aborted signal.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp: true`
 *
 * @example
 * ```ts
 * import OpenAI from 'openai'
 * import { createNomyoFetch } from '@nomyo/client/openai-fetch'
 *
 * const openai = new OpenAI({ apiKey: 'key of the gateway', fetch: createNomyoFetch() })
 * const completion = await openai.chat.completions.create({
 *   model: 'Qwen/Qwen3-0.6B',
 *   messages: [{ role: 'user', content: 'Hello!' }],
 * })
 * console.log(completion.choices[0]?.message.content)
 * ```
 */
export function createNomyoFetch(options?: NomyoFetchOptions): NomyoFetch
export function createNomyoFetch(options: NomyoFetchOptions = {}, init?: unknown): NomyoFetch {
  // An SDK calls it in place of the function that it returns. An error would have it try again.
  if (init !== undefined) return notCalledResponse() as unknown as NomyoFetch
  const { client, usesSdkKey, dispose } = resolveClient(options)
  const nomyoFetch = (input: FetchInput, init?: RequestInit): Promise<Response> =>
    serve(client, usesSdkKey, input, init ?? {})
  const withDispose = Object.assign(nomyoFetch, { dispose })
  makeDisposable(withDispose)
  return withDispose as NomyoFetch
}

interface ResolvedClient {
  readonly client: SecureChatCompletion
  readonly usesSdkKey: boolean
  readonly dispose: () => void
}

function resolveClient(all: NomyoFetchOptions): ResolvedClient {
  const { client: given, ...options } = plainObject(
    all,
    'options',
    ' such as { baseUrl } or { client }',
  )
  if (given === undefined) {
    const { apiKey = platform.variable('NOMYO_API_KEY'), maxRetries = 0 } =
      options as SecureChatCompletionOptions
    const client = new SecureChatCompletion({ ...options, maxRetries })
    return {
      client,
      usesSdkKey: !apiKey,
      dispose: () => {
        client.dispose()
      },
    }
  }
  if (Object.keys(options).length > 0 || !isClient(given)) {
    throw new InvalidRequestError(
      'ERR_INVALID_OPTION',
      'client must be a SecureChatCompletion and the only option; its own options apply.',
    )
  }
  return { client: given, usesSdkKey: false, dispose: () => undefined }
}

/** Checks for the method used: the class may come from another copy of this package. */
function isClient(value: unknown): boolean {
  return typeof (value as Partial<SecureChatCompletion> | null)?.fetch === 'function'
}

async function serve(
  client: SecureChatCompletion,
  usesSdkKey: boolean,
  input: FetchInput,
  init: RequestInit,
): Promise<Response> {
  const call = readFetchCall(input, init)
  call.signal?.throwIfAborted()
  const response = await respond(client, usesSdkKey, call)
  // The constructor of a response takes none.
  return Object.defineProperty(response, 'url', { value: call.url })
}

async function respond(
  client: SecureChatCompletion,
  usesSdkKey: boolean,
  call: FetchCall,
): Promise<Response> {
  const { signal } = call
  try {
    const path = routeOf(call)
    if (path === undefined) return unsupportedRouteResponse()
    return await answer(client, usesSdkKey, call, path)
  } catch (error) {
    // The caller's own reason, as with fetch: SDKs distinguish an abort from a fault by it.
    signal?.throwIfAborted()
    // Without an answer there is no Response, as with fetch: the SDK decides on a retry.
    if (error instanceof APIConnectionError) throw error
    return errorResponse(error)
  }
}

async function answer(
  client: SecureChatCompletion,
  usesSdkKey: boolean,
  call: FetchCall,
  path: string,
): Promise<Response> {
  const { method, body, signal } = call
  const { headers, apiKey } = readHeaders(call, path, usesSdkKey)
  try {
    return abortableResponse(await client.fetch(path, { method, headers, body, signal }), signal)
  } catch (error) {
    const isRefused = error instanceof InvalidRequestError && error.code === 'ERR_ROUTE'
    if (!isRefused || !isModels(path)) throw error
    return modelsResponse(client, path, { apiKey, signal })
  }
}
