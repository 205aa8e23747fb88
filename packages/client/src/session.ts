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
import { checkMaxRetries, checkTimeout, type ClientConfig } from './config/options.js'
import { assertUsable } from './disposable.js'
import { attemptCompletion, type AttemptContext } from './completion/attempt.js'
import { checkHeaders } from './config/headers.js'
import { newPayloadId } from './completion/payload-id.js'
import { ReplyGuard } from './completion/reply-guard.js'
import { ReplyKeyManager } from './keys/reply-key-manager.js'
import type { SplitRequest } from './completion/seal-request.js'
import { ServerKey } from './keys/server-key.js'
import type { ChatCompletion } from './types/index.js'

/** What may be set for one request. */
export interface RequestOptions {
  /** Ends the request, wherever it is. */
  signal?: AbortSignal | undefined
  /** Milliseconds each attempt may take; takes the place of the client's. */
  timeout?: number | undefined
  /** Extra attempts; takes the place of the client's. */
  maxRetries?: number | undefined
  /** Sent beside the client's own headers. */
  headers?: Readonly<Record<string, string>> | undefined
}

/** What lives as long as a client: keys, connections, memory of answers, and the calls in flight. */
export class Session {
  readonly context: AttemptContext
  readonly #closeConnections: () => Promise<void>
  readonly #calls = new Set<Deadline>()
  #disposed = false

  /** @param eager - whether the reply key is made now, or when it is first needed */
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
        attestation === undefined
          ? undefined
          : { config: attestation, key: new KeyAttestation(transport, config, attestation) },
      serverKey: new ServerKey(transport, config),
      replyGuard: new ReplyGuard(),
      replyKeys: new ReplyKeyManager({
        mode: config.replyKeys,
        rotationIntervalMs: config.keyRotationIntervalMs,
        eager,
        first: firstKeyOf(config),
        next: nextKeyOf(config),
        onRotationFailed: (error) => {
          const code = error instanceof SecurityError ? ` (${error.code})` : ''
          config.log.warn(
            `a new reply key could not be made${code}; the one before it stays in use`,
          )
        },
      }),
    }
  }

  /**
   * Carries one request through, with its retries.
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
    const maxRetries = checkMaxRetries(options.maxRetries) ?? config.maxRetries
    const timeoutMs = checkTimeout(options.timeout) ?? config.timeoutMs
    const headers = checkHeaders(options.headers, 'headers')
    let chosenId = payloadId
    const call = startDeadline(undefined, [options.signal])
    this.#calls.add(call)
    const settings = {
      stop: call.signal,
      timeoutMs,
      headers,
      nextPayloadId: () => {
        const id = chosenId ?? newPayloadId()
        chosenId = undefined
        return id
      },
    }
    try {
      return await retry(() => attemptCompletion(request, this.context, settings), {
        maxRetries,
        signal: call.signal,
        onRetry: (error, delayMs) => {
          const name = error instanceof Error ? error.name : 'error'
          config.log.debug(`${name}; trying again in ${String(Math.round(delayMs))} ms`)
        },
      })
    } finally {
      call.clear()
      this.#calls.delete(call)
      if (config.secureMemory) request.payload.fill(0)
    }
  }

  /** @throws SecurityError `ERR_KEY_DISPOSED` after {@link dispose} */
  assertUsable(): void {
    assertUsable(this.#disposed)
  }

  /** Ends calls in flight, lets go of keys, closes connections. Safe to call twice. */
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
    this.context.attestation?.key.dispose()
    this.context.replyKeys.dispose()
    this.#closeConnections().catch(() => undefined)
  }
}

function firstKeyOf({ keyDir, keyRotationPassword }: ClientConfig): () => Promise<KeyPair> {
  const { keyFiles } = platform
  if (keyDir === undefined || keyFiles === undefined) return () => generateKeyPair()
  return () => keyFiles.loadOrCreate(keyDir, keyRotationPassword)
}

/** Every key made by rotation is saved under its time, where that was asked for; none is overwritten. */
function nextKeyOf({ keyRotationDir, keyRotationPassword }: ClientConfig): () => Promise<KeyPair> {
  const { keyFiles } = platform
  if (keyRotationDir === undefined || keyFiles === undefined) return () => generateKeyPair()
  return () => {
    const time = new Date().toISOString().replaceAll(':', '-')
    return keyFiles.create(
      `${keyRotationDir}/${time}-${newPayloadId().slice(0, 8)}`,
      keyRotationPassword,
    )
  }
}
