import { SecurityError, generateKeyPair, type KeyPair } from '@nomyo/crypto'
import {
  APIConnectionError,
  createHttpTransport,
  retry,
  startDeadline,
  type Transport,
} from '@nomyo/transport'
import { readConfig, type ClientConfig, type SecureChatCompletionOptions } from './config.js'
import { exchange } from './exchange.js'
import { ReplyGuard } from './reply-guard.js'
import { splitRequest } from './request.js'
import { ServerKey } from './server-key.js'
import type { ChatCompletion, ChatCompletionRequest } from './types/chat-completion.js'

/** What may be set for one request. */
export interface RequestOptions {
  /** Ends the request, wherever it is. */
  signal?: AbortSignal
}

/**
 * End-to-end encrypted chat completions with the API of OpenAI.
 *
 * Requests are sealed in this process and opened by the gateway alone; answers are sealed to a key
 * made in this process, which never leaves its memory. Make one client and keep it: making its key
 * takes 0.3 to 3 seconds, which starts at construction and overlaps with everything else.
 *
 * @example
 * ```ts
 * const client = new SecureChatCompletion({ apiKey: process.env.NOMYO_API_KEY })
 * const completion = await client.create({
 *   model: 'Qwen/Qwen3-0.6B',
 *   messages: [{ role: 'user', content: 'Hello!' }],
 * })
 * console.log(completion.choices[0].message.content)
 * client.dispose()
 * ```
 */
export class SecureChatCompletion {
  readonly #config: ClientConfig
  readonly #transport: Transport
  readonly #serverKey: ServerKey
  readonly #replyGuard = new ReplyGuard()
  readonly #lifetime = new AbortController()
  #replyKeys: Promise<KeyPair>

  /**
   * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
   * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp: true`
   */
  constructor(options: SecureChatCompletionOptions = {}) {
    this.#config = readConfig(options)
    const { baseUrl, fetch } = this.#config
    this.#transport = createHttpTransport(fetch === undefined ? { baseUrl } : { baseUrl, fetch })
    this.#serverKey = new ServerKey(this.#transport, this.#config)
    this.#replyKeys = generateKeyPair()
    // Whoever asks for the key gets the failure; without anybody asking it is no crash.
    this.#replyKeys.catch(() => undefined)
  }

  /**
   * Asks for a chat completion. Takes OpenAI's parameters, and `api_key` and `security_tier`, which
   * apply to this request only.
   *
   * @throws InvalidRequestError, AuthenticationError, ForbiddenError, RateLimitError, ServerError,
   * ServiceUnavailableError, APIError for what the gateway answers
   * @throws APIConnectionError when there was no complete answer in time
   * @throws SecurityError when keys or the answer are not as they must be
   */
  async create(
    request: ChatCompletionRequest,
    options: RequestOptions = {},
  ): Promise<ChatCompletion> {
    if (this.#lifetime.signal.aborted) {
      throw new SecurityError(
        'ERR_KEY_DISPOSED',
        'The client has been disposed of; make a new one.',
      )
    }
    const split = splitRequest(request)
    const stop = startDeadline(undefined, [options.signal, this.#lifetime.signal])
    const context = {
      config: this.#config,
      transport: this.#transport,
      serverKey: this.#serverKey,
      replyGuard: this.#replyGuard,
      replyKeys: () => this.#replyKeys,
    }
    try {
      return await retry(() => exchange(split, context, stop.signal), {
        maxRetries: this.#config.maxRetries,
        signal: stop.signal,
      })
    } finally {
      stop.clear()
      split.payload.fill(0)
    }
  }

  /** The same as {@link create}. */
  acreate(request: ChatCompletionRequest, options: RequestOptions = {}): Promise<ChatCompletion> {
    return this.create(request, options)
  }

  /**
   * Ends the client: calls in flight fail with `ERR_ABORTED`, the private key is let go of,
   * connections close. Safe to call twice.
   */
  dispose(): void {
    if (this.#lifetime.signal.aborted) return
    this.#lifetime.abort(
      new APIConnectionError(
        'ERR_ABORTED',
        'The client was disposed of while the request was in flight.',
      ),
    )
    void this.#replyKeys.then(
      (pair) => {
        pair.privateKey.dispose()
      },
      () => undefined,
    )
    void this.#transport.close()
  }
}
