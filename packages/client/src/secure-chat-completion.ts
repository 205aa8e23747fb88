import { makeDisposable } from './disposable.js'
import type { SecureFetchInit } from './fetch/read-init.js'
import { loadCode } from './load-code.js'
import { plainObject } from './config/checks.js'
import {
  readConfig,
  type ListModelsOptions,
  type RequestOptions,
  type SecureChatCompletionOptions,
} from './config/options.js'
import { splitRequest } from './completion/seal-request.js'
import type { WireInfo } from './completion/wire-info.js'
import type { ModelList } from './gateway-api/models.js'
import { createResources, type ClientResources } from './resources/api.js'
import { Session } from './session.js'
import type { RequestWith } from './types/request.js'
import type { ChatCompletion } from './types/response.js'

/**
 * End-to-end encrypted chat completions with the API of OpenAI.
 *
 * Requests are encrypted in this process to a key that the gateway alone holds, and answers to this
 * process alone. Create one client and keep it: it remembers the wire and the keys of the gateway. On wire
 * 1 it also needs a key of its own, which takes 0.3 to 3 seconds: from construction on with `wire: 1`,
 * otherwise once the gateway has said that it offers no other.
 *
 * @example
 * ```ts
 * import { SecureChatCompletion } from '@nomyo/client'
 *
 * const client = new SecureChatCompletion({ apiKey: process.env['NOMYO_API_KEY'] })
 * const completion = await client.create({
 *   model: 'Qwen/Qwen3-0.6B',
 *   messages: [{ role: 'user', content: 'Hello!' }],
 * })
 * console.log(completion.choices[0].message.content)
 * client.dispose()
 * ```
 */
export class SecureChatCompletion {
  /** The same as {@link SecureChatCompletion.dispose}, for `using`, where the runtime knows it. */
  declare [Symbol.dispose]: () => void
  /** Chat completions in the shape of the SDK of OpenAI, also streamed. */
  declare readonly chat: ClientResources['chat']
  /** The models of the gateway. */
  declare readonly models: ClientResources['models']
  /** Embeddings. */
  declare readonly embeddings: ClientResources['embeddings']
  /** The Responses API, without state on the server; also streamed. */
  declare readonly responses: ClientResources['responses']
  /** Speech, transcriptions and translations. */
  declare readonly audio: ClientResources['audio']
  /** Images. */
  declare readonly images: ClientResources['images']
  readonly #session: Session

  /**
   * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
   * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp: true`; `ERR_KEY_INVALID`
   * for a malformed pin
   */
  constructor(options: SecureChatCompletionOptions = {}) {
    this.#session = new Session(readConfig(options), true)
    Object.assign(this, createResources(this.#session))
    makeDisposable(this)
  }

  /** Milliseconds each attempt may take; see the option of this name. */
  get timeout(): number {
    return this.#session.context.config.timeout
  }

  /**
   * Requests a chat completion. Takes OpenAI's parameters, and `api_key` and `security_tier`, which apply
   * to this request only.
   *
   * @typeParam Members - members that OpenAI does not define, for a model server that knows them:
   * `create<{ top_k: number }>({ model, messages, top_k: 40 })`
   * @throws InvalidRequestError, AuthenticationError, ForbiddenError, RateLimitError, ServerError,
   * ServiceUnavailableError, APIError for the gateway's refusals
   * @throws APIConnectionError when no complete answer arrives in time
   * @throws SecurityError for keys or an answer that cannot be trusted
   * @throws AttestationError when the machine does not reach the required tier
   */
  async create<Members extends object = object>(
    request: RequestWith<Members>,
    options: RequestOptions = {},
  ): Promise<ChatCompletion> {
    this.#session.assertUsable()
    return this.#session.complete(
      splitRequest(request, this.#session.context.config.padding),
      options,
    )
  }

  /** The same as {@link SecureChatCompletion.create}. */
  acreate<Members extends object = object>(
    request: RequestWith<Members>,
    options: RequestOptions = {},
  ): Promise<ChatCompletion> {
    return this.create<Members>(request, options)
  }

  /**
   * Sends one request to a route of the gateway, encrypted whole on wire 2: method, path, headers and content.
   * The keys, retries and checks are those of {@link SecureChatCompletion.create}; the routes are those that the
   * key statement of the gateway lists.
   *
   * It resolves when the head of a success is authentic. Parts of the body are handed out when they are, and
   * read from the network as they are used. A body that is cut off fails after its last part.
   *
   * Of the headers, `authorization` (as a bearer token, in place of the client's key), `x-security-tier`,
   * `content-type`, `accept`, `openai-beta` and `accept-language` are sent; others are ignored.
   *
   * A chat completion that is not streamed is checked as that of `create`. On wire 1, and where every answer
   * needs a receipt, a streamed one arrives whole, and is marked by a header `x-nomyo-stream: synthetic`.
   *
   * @param path - below the base URL, such as `/v1/embeddings`; without a query
   * @throws InvalidRequestError `ERR_ROUTE` for a route that the gateway, or its wire, does not offer; as well as
   * the errors of {@link SecureChatCompletion.create}. The body fails with an APIConnectionError
   * `ERR_TRUNCATED`, `ERR_TIMEOUT` or `ERR_ABORTED`, or a SecurityError
   * @example
   * ```ts
   * import { SecureChatCompletion } from '@nomyo/client'
   *
   * const client = new SecureChatCompletion()
   * const response = await client.fetch('/v1/embeddings', {
   *   method: 'POST',
   *   headers: { 'content-type': 'application/json' },
   *   body: JSON.stringify({ model: 'nomic-embed-text', input: 'Hello!' }),
   * })
   * console.log(await response.json())
   * client.dispose()
   * ```
   */
  async fetch(path: string, init: SecureFetchInit = {}): Promise<Response> {
    return this.#session.run(async () => {
      const { fetchSealed } = await loadCode(() => import('./fetch/fetch-sealed.js'), 'fetch')
      return fetchSealed(this.#session, path, init)
    })
  }

  /**
   * Fetches the models of the gateway. Names and API key travel under TLS alone, not encrypted to the
   * gateway's key.
   *
   * @returns undefined for a response that is not a list of models
   * @throws AuthenticationError, APIError, APIConnectionError as {@link SecureChatCompletion.create}
   */
  async listModels(options: ListModelsOptions = {}): Promise<ModelList | undefined> {
    this.#session.assertUsable()
    return this.#session.listModels(plainObject(options, 'options'))
  }

  /**
   * Tells the wire of the next request, and the reason. Makes the checks of a request up to its encryption:
   * pins, known servers, attestation. Sends no API key.
   *
   * @throws SecurityError for keys that cannot be trusted; `ERR_WIRE_DOWNGRADE` for a gateway that is known to
   * speak wire 2, and seems not to
   * @throws AttestationError when the machine does not reach the required tier
   * @throws APIError, APIConnectionError when the gateway does not answer
   * @example
   * ```ts
   * import { SecureChatCompletion } from '@nomyo/client'
   *
   * const client = new SecureChatCompletion({ baseUrl: 'https://api.nomyo.ai' })
   * const { wire, reason, fingerprint } = await client.chooseWire()
   * console.log(`wire ${String(wire)} (${reason}), ${fingerprint}`)
   * client.dispose()
   * ```
   */
  async chooseWire(
    options: Pick<RequestOptions, 'signal' | 'timeout' | 'maxRetries'> = {},
  ): Promise<WireInfo> {
    this.#session.assertUsable()
    return this.#session.chooseWire(plainObject(options, 'options'))
  }

  /**
   * Ends the client: calls in flight fail with `ERR_ABORTED`, the private key is disposed of, connections
   * close. Safe to call twice.
   */
  dispose(): void {
    this.#session.dispose()
  }
}
