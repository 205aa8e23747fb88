import {
  APIConnectionError,
  AuthenticationError,
  errorFromResponse,
  startDeadline,
  type Transport,
} from '@nomyo/transport'
import type { Credentials } from '../completion/call.js'
import { fetchModels } from '../gateway-api/models.js'

/**
 * Asks the gateway once whether it takes an API key, while the first reply key is being generated: a
 * refusal need not wait for that.
 */
export class ApiKeyProbe {
  readonly #transport: Transport
  #isDone: boolean

  /** @param isNeeded - false where there is no reply key to wait for */
  constructor(transport: Transport, isNeeded: boolean) {
    this.#transport = transport
    this.#isDone = !isNeeded
  }

  /**
   * Waits for `work`, and fails early for an API key that the gateway refuses. The API key is sent when
   * `isTrusted` resolves, unless `work` is done by then.
   *
   * @throws AuthenticationError `ERR_AUTHENTICATION`; the error of `work`
   */
  async during<T>(
    work: Promise<T>,
    isTrusted: Promise<unknown>,
    { apiKey, headers }: Credentials,
    signal: AbortSignal,
  ): Promise<T> {
    if (this.#isDone || apiKey === undefined) return work
    this.#isDone = true
    const deadline = startDeadline(undefined, [signal])
    let isOver = false
    const refusal = new Promise<never>((_, refuse) => {
      isTrusted
        .then(() => (isOver ? undefined : this.#ask({ apiKey, headers }, deadline.signal)))
        .catch((error: unknown) => {
          // Any other answer, or none, says nothing.
          if (error instanceof AuthenticationError) refuse(error)
        })
    })
    try {
      return await Promise.race([work, refusal])
    } finally {
      isOver = true
      deadline.abort(new APIConnectionError('ERR_ABORTED', 'The reply key is ready.'))
      deadline.clear()
    }
  }

  /** Asks for the models first: an empty request would be an error in the log of the gateway. */
  async #ask({ apiKey, headers }: Credentials, signal: AbortSignal): Promise<void> {
    try {
      await fetchModels(this.#transport, { apiKey, headers, signal })
    } catch (error) {
      if (!(error instanceof AuthenticationError)) return
      // The list may be under other rules than completions.
      const response = await this.#transport.send({
        method: 'POST',
        path: '/v1/chat/secure_completion',
        headers: { ...headers, authorization: `Bearer ${String(apiKey)}` },
        maxResponseBytes: 0,
        signal,
      })
      throw errorFromResponse(response)
    }
  }
}
