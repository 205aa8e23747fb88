import { platform } from '#platform'
import { SecurityError, generateKeyPair, type KeyPair } from '@nomyo/crypto'
import {
  APIConnectionError,
  createHttpTransport,
  retry,
  startDeadline,
  type Deadline,
} from '@nomyo/transport'
import { KeyAttestation } from './attestation/key-attestation.js'
import { apiKey as checkApiKey } from './config/checks.js'
import {
  readRequestOptions,
  type ClientConfig,
  type ListModelsOptions,
  type RequestConfig,
  type RequestOptions,
} from './config/options.js'
import { assertUsable } from './disposable.js'
import { attemptCompletion, type AttemptContext } from './completion/attempt.js'
import { refuseIteration } from './completion/refuse-iteration.js'
import { ReplyGuard } from './completion/reply-guard.js'
import { fetchModels, type ModelList } from './gateway-api/models.js'
import { ApiKeyProbe } from './keys/api-key-probe.js'
import { ReplyKeyManager } from './keys/reply-key-manager.js'
import type { SplitRequest } from './completion/seal-request.js'
import { ServerKey } from './keys/server-key.js'
import type { ChatCompletion } from './types/response.js'

/** The state of a client: keys, connections, a memory of answers, and the calls in flight. */
export class Session {
  readonly context: AttemptContext
  readonly #closeConnections: () => Promise<void>
  readonly #calls = new Set<Deadline>()
  #disposed = false

  /** @param eager - creates the reply key now rather than when it is first needed */
  constructor(config: ClientConfig, eager: boolean) {
    const connections =
      config.fetch === undefined
        ? platform.openConnections()
        : { fetch: config.fetch, close: () => Promise.resolve() }
    const transport = createHttpTransport({ ...connections, baseUrl: config.baseUrl })
    this.#closeConnections = () => connections.close()
    const { attestation } = config
    this.context = {
      config,
      transport,
      attestation:
        attestation === undefined ? undefined : new KeyAttestation(transport, config, attestation),
      serverKey: new ServerKey(transport, config),
      apiKeyProbe: new ApiKeyProbe(transport, config.keyDir === undefined),
      replyGuard: new ReplyGuard(),
      replyKeys: new ReplyKeyManager({
        mode: config.replyKeys,
        rotationIntervalMs: config.keyRotationInterval,
        eager,
        first: firstKeyOf(config),
        next: () => generateKeyPair(),
        onRotationFailed: (error) => {
          const code = error instanceof SecurityError ? ` (${error.code})` : ''
          config.log.warn(`reply key rotation failed${code}; the previous key stays in use`)
        },
      }),
    }
  }

  /**
   * Sends one request, with its retries.
   *
   * @param payloadId - the id of the first attempt; later ones get ids of their own
   */
  async complete(
    request: SplitRequest,
    options: RequestOptions,
    payloadId?: string,
  ): Promise<ChatCompletion> {
    this.assertUsable()
    const { config } = this.context
    let chosenId = payloadId
    const nextPayloadId = (): string => {
      const id = chosenId ?? crypto.randomUUID()
      chosenId = undefined
      return id
    }
    try {
      const { timeout: timeoutMs, headers, ...limits } = readRequestOptions(options, config)
      const completion = await this.#repeat(limits, (stop) =>
        attemptCompletion(request, this.context, { stop, timeoutMs, headers, nextPayloadId }),
      )
      return request.asksForStream ? refuseIteration(completion) : completion
    } finally {
      if (config.secureMemory) request.payload.fill(0)
    }
  }

  /** Fetches the list of models, with retries. */
  async listModels({
    apiKey: given,
    ...options
  }: ListModelsOptions): Promise<ModelList | undefined> {
    this.assertUsable()
    const { config, transport } = this.context
    const { timeout, headers: own, ...limits } = readRequestOptions(options, config)
    const apiKey = checkApiKey(given, 'apiKey') ?? config.apiKey
    const headers = { ...config.defaultHeaders, ...own }
    return this.#repeat(limits, (signal) =>
      fetchModels(transport, { apiKey, headers, timeout, signal }),
    )
  }

  /** Makes attempts until one succeeds, is final, or the call is over. */
  async #repeat<T>(
    { signal, maxRetries }: Pick<RequestConfig, 'signal' | 'maxRetries'>,
    attempt: (stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const call = startDeadline(undefined, [signal])
    this.#calls.add(call)
    try {
      return await retry(() => attempt(call.signal), {
        maxRetries,
        signal: call.signal,
        onRetry: (error, delayMs) => {
          const name = error instanceof Error ? error.name : 'error'
          this.context.config.log.debug(`${name}; retrying in ${String(Math.round(delayMs))} ms`)
        },
      })
    } finally {
      call.clear()
      this.#calls.delete(call)
    }
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
      call.abort(
        new APIConnectionError(
          'ERR_ABORTED',
          'The client was disposed of while the request was in flight.',
        ),
      )
    }
    this.context.serverKey.dispose()
    this.context.attestation?.dispose()
    this.context.replyKeys.dispose()
    this.#closeConnections().catch(() => undefined)
  }
}

function firstKeyOf({ keyDir, keyPassword }: ClientConfig): () => Promise<KeyPair> {
  const { keyFiles } = platform
  if (keyDir === undefined || keyFiles === undefined) return () => generateKeyPair()
  return () => keyFiles.loadOrCreate(keyDir, keyPassword)
}
