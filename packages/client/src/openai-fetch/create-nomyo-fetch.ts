import { platform } from '#platform'
import { APIConnectionError, InvalidRequestError } from '@nomyo/transport/errors'
import { plainObject } from '../config/checks.js'
import type { SecureChatCompletionOptions } from '../config/options.js'
import { makeDisposable } from '../disposable.js'
import { SecureChatCompletion } from '../secure-chat-completion.js'
import { completionResponse } from './completion-response.js'
import { errorResponse, notCalledResponse, unsupportedRouteResponse } from './error-response.js'
import { isChatCompletions, readFetchCall, type FetchCall, type FetchInput } from './fetch-call.js'
import { isModels, modelsResponse } from './models-response.js'
import { readRequest } from './read-request.js'

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
 * It serves `POST .../chat/completions`, and `GET .../models` with the gateway's list. The host of the URL
 * is ignored and never contacted: the request is encrypted and sent to the gateway of the client; that for
 * the models is not encrypted, and carries the API key alone. Every other call gets 404 and is not sent. With `stream: true` the answer still arrives whole, and is returned as a stream after
 * decryption.
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
  return typeof (value as SecureChatCompletion | null)?.create === 'function'
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
    if (isModels(call)) return await modelsResponse(client, call, usesSdkKey)
    if (!isChatCompletions(call)) return unsupportedRouteResponse()
    const { request, ...form } = await readRequest(call, usesSdkKey)
    const completion = await client.create(request, signal === undefined ? {} : { signal })
    // A client of another copy may lack it.
    const endMs = performance.now() + ((client.timeout as number | undefined) ?? Infinity)
    return completionResponse(completion, { ...form, signal, endMs })
  } catch (error) {
    // The caller's own reason, as with fetch: SDKs distinguish an abort from a fault by it.
    signal?.throwIfAborted()
    // Without an answer there is no Response, as with fetch: the SDK decides on a retry.
    if (error instanceof APIConnectionError) throw error
    return errorResponse(error)
  }
}
