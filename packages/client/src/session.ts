import { platform } from '#platform'
import {
  APIConnectionError,
  abortable,
  createHttpTransport,
  retry,
  startDeadline,
  type Deadline,
  type RetryOptions,
} from '@nomyo/transport'
import { KeyAttestation } from './attestation/key-attestation.js'
import { apiKey as checkApiKey, invalidOption } from './config/checks.js'
import {
  readRequestOptions,
  type ClientConfig,
  type ListModelsOptions,
  type RequestConfig,
  type RequestOptions,
} from './config/options.js'
import { assertUsable } from './disposable.js'
import { attemptCompletion, type SessionContext } from './completion/attempt.js'
import { newProgress } from './completion/call.js'
import { Pace } from './completion/pace.js'
import { refuseIteration } from './completion/refuse-iteration.js'
import type { WireInfo } from './completion/wire-info.js'
import { Wires } from './completion/wires.js'
import type { ModelList } from './gateway-api/models.js'
import { loadCode } from './load-code.js'
import type { SplitRequest } from './completion/seal-request.js'
import type { ChatCompletion } from './types/response.js'

/** The state of a client: its wires, connections, and the calls in flight. */
export class Session {
  readonly context: SessionContext
  readonly #closeConnections: () => Promise<void>
  readonly #calls = new Set<Deadline>()
  #disposed = false

  /** @param eager - creates the reply key now rather than when it is first needed, where wire 1 is certain */
  constructor(config: ClientConfig, eager: boolean) {
    const connections =
      config.fetch === undefined
        ? platform.openConnections()
        : { fetch: config.fetch, close: () => Promise.resolve() }
    const transport = createHttpTransport({ ...connections, baseUrl: config.baseUrl })
    this.#closeConnections = () => connections.close()
    const attestation =
      config.attestation && new KeyAttestation(transport, config, config.attestation)
    const { relayUrl } = config
    const parts = {
      config,
      transport,
      relay: relayUrl && createHttpTransport({ ...connections, baseUrl: new URL(relayUrl.origin) }),
      attestation,
      pace: config.pace && new Pace(config.pace),
    }
    this.context = { ...parts, wires: new Wires(parts, eager) }
  }

  /**
   * Sends one request, with its retries.
   *
   * @param payloadId - the id of the call on wire 2; that of the first attempt on wire 1, where later ones
   * get ids of their own
   */
  async complete(
    request: SplitRequest,
    options: RequestOptions,
    payloadId?: string,
  ): Promise<ChatCompletion> {
    const { config } = this.context
    let chosenId = payloadId
    const nextPayloadId = (): string => {
      const id = chosenId ?? crypto.randomUUID()
      chosenId = undefined
      return id
    }
    const progress = newProgress(payloadId)
    try {
      const { timeout: timeoutMs, headers, ...limits } = readRequestOptions(options, config)
      const completion = await this.repeat(
        { ...limits, mayRetry: () => !progress.isFinal },
        (stop) => {
          const settings = { stop, timeoutMs, headers, nextPayloadId, progress }
          return attemptCompletion(request, this.context, settings)
        },
      )
      return request.asksForStream ? refuseIteration(completion) : completion
    } finally {
      if (config.secureMemory) request.payload.fill(0)
    }
  }

  /** Chooses the wire, and makes the checks of a request up to its encryption, with retries. */
  async chooseWire(options: Omit<RequestOptions, 'headers'>): Promise<WireInfo> {
    const { timeout, ...limits } = readRequestOptions(options, this.context.config)
    return this.repeat(limits, async (stop) => {
      const { describeWire } = await loadCode(
        () => import('./completion/wire-info.js'),
        'the choice of a wire',
      )
      const deadline = startDeadline(timeout, [stop])
      try {
        const { signal } = deadline
        return await abortable(describeWire(this.context, signal), signal)
      } finally {
        deadline.clear()
      }
    })
  }

  /**
   * Fetches the list of models, with retries.
   *
   * @throws InvalidRequestError `ERR_INVALID_OPTION` with a relay
   */
  async listModels({
    apiKey: given,
    ...options
  }: ListModelsOptions): Promise<ModelList | undefined> {
    const { config, transport, relay } = this.context
    if (relay) throw invalidOption('relayUrl', 'is not used by listModels(): call models.list()')
    const { timeout, headers: own, ...limits } = readRequestOptions(options, config)
    const apiKey = checkApiKey(given, 'apiKey') ?? config.apiKey
    const headers = { ...config.defaultHeaders, ...own }
    return this.repeat(limits, async (signal) => {
      const { fetchModels } = await loadCode(
        () => import('./gateway-api/models.js'),
        'the list of models',
      )
      return fetchModels(transport, { apiKey, headers, timeout, signal })
    })
  }

  /**
   * Runs the work of one call. It ends when its signal aborts or the client is disposed of, whatever the
   * work does then.
   *
   * @param lasts - returns what of the result goes on, and ends with the call
   * @throws SecurityError `ERR_KEY_DISPOSED` after {@link dispose}
   */
  async run<T>(
    work: (stop: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
    timeoutMs?: number,
    lasts?: (result: T) => Promise<unknown> | undefined,
  ): Promise<T> {
    this.assertUsable()
    const call = startDeadline(timeoutMs, [signal])
    this.#calls.add(call)
    let rest: Promise<unknown> | undefined
    try {
      call.signal.throwIfAborted()
      const result = await abortable(work(call.signal), call.signal)
      rest = lasts?.(result)
      return result
    } finally {
      const end = (): void => {
        call.clear()
        this.#calls.delete(call)
      }
      if (rest === undefined) end()
      else rest.then(end, end)
    }
  }

  /** Makes attempts until one succeeds, is final, or the call is over. */
  repeat<T>(
    {
      signal,
      ...retries
    }: Pick<RequestConfig, 'signal' | 'maxRetries'> & Pick<RetryOptions, 'mayRetry'>,
    attempt: (stop: AbortSignal) => Promise<T>,
    lasts?: (result: T) => Promise<unknown> | undefined,
  ): Promise<T> {
    const { log } = this.context.config
    return this.run(
      (stop) =>
        retry(() => attempt(stop), {
          ...retries,
          signal: stop,
          onRetry: (error, delayMs) => {
            const name = error instanceof Error ? error.name : 'error'
            log.debug(`${name}; retrying in ${String(Math.round(delayMs))} ms`)
          },
        }),
      signal,
      undefined,
      lasts,
    )
  }

  /** @throws SecurityError `ERR_KEY_DISPOSED` after {@link dispose} */
  assertUsable(): void {
    assertUsable(this.#disposed)
  }

  /** Aborts calls in flight, disposes of keys and closes connections. Safe to call twice. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    for (const call of this.#calls) {
      call.abort(new APIConnectionError('ERR_ABORTED', 'The client was disposed of.'))
    }
    this.context.wires.dispose()
    this.#closeConnections().catch(() => undefined)
  }
}
