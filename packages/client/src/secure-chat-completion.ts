import { SecurityError, generateKeyPair } from '@nomyo/crypto'
import {
  APIConnectionError,
  createHttpTransport,
  retry,
  startDeadline,
  type Deadline,
} from '@nomyo/transport'
import { readConfig, type SecureChatCompletionOptions } from './config.js'
import { exchange, type ExchangeContext } from './exchange.js'
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
  readonly #context: ExchangeContext
  /** The calls in flight, to be ended with the client. */
  readonly #calls = new Set<Deadline>()
  #disposed = false

  /**
   * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
   * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp: true`
   */
  constructor(options: SecureChatCompletionOptions = {}) {
    const config = readConfig(options)
    const { baseUrl, fetch } = config
    const transport = createHttpTransport(fetch === undefined ? { baseUrl } : { baseUrl, fetch })
    const replyKeys = generateKeyPair()
    // Whoever asks for the key gets the failure; without anybody asking it is no crash.
    replyKeys.catch(() => undefined)
    this.#context = {
      config,
      transport,
      serverKey: new ServerKey(transport, config),
      replyGuard: new ReplyGuard(),
      replyKeys: () => replyKeys,
    }
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
    if (this.#disposed) {
      throw new SecurityError(
        'ERR_KEY_DISPOSED',
        'The client has been disposed of; make a new one.',
      )
    }
    const split = splitRequest(request)
    const call = startDeadline(undefined, [options.signal])
    this.#calls.add(call)
    try {
      return await retry(() => exchange(split, this.#context, call.signal), {
        maxRetries: this.#context.config.maxRetries,
        signal: call.signal,
      })
    } finally {
      call.clear()
      this.#calls.delete(call)
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
    if (this.#disposed) return
    this.#disposed = true
    for (const call of this.#calls) {
      call.abort(
        new APIConnectionError(
          'ERR_ABORTED',
          'The client was disposed of while the request was in flight.',
        ),
      )
    }
    void this.#context.replyKeys().then(
      (pair) => {
        pair.privateKey.dispose()
      },
      () => undefined,
    )
    void this.#context.transport.close()
  }
}
