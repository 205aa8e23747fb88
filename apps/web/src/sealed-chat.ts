import {
  SecureChatCompletion,
  type AttestationEvent,
  type AttestationPolicy,
  type ChatCompletion,
  type ChatCompletionRequest,
  type KnownServersStore,
  type ServerKeyEvent,
} from '@nomyo/client'

/** What is demanded of the server before anything is sealed for it. */
export interface Demands {
  /** The only key accepted. */
  readonly pin?: string | undefined
  /** What the machine is judged by. */
  readonly policy?: AttestationPolicy | undefined
}

/** What a chat needs and tells. */
export interface SealedChatParts {
  readonly fetch: typeof fetch
  readonly knownServers: KnownServersStore
  readonly onServerKey: (event: ServerKeyEvent) => void
  readonly onEvidence: (event: AttestationEvent) => void
}

/** The client of this page. What is demanded can change; calls in flight end when it does. */
export class SealedChat {
  readonly #parts: SealedChatParts
  #demands: Demands = {}
  #client: SecureChatCompletion

  constructor(parts: SealedChatParts) {
    this.#parts = parts
    this.#client = this.#makeClient()
  }

  /** Demands from now on what is given; what is not named stays as it is. */
  demand(demands: Demands): void {
    this.#demands = { ...this.#demands, ...demands }
    this.#client.dispose()
    this.#client = this.#makeClient()
  }

  create(request: ChatCompletionRequest, signal: AbortSignal): Promise<ChatCompletion> {
    return this.#client.create(request, { signal })
  }

  #makeClient(): SecureChatCompletion {
    const { pin, policy } = this.#demands
    return new SecureChatCompletion({
      baseUrl: location.origin,
      // The gateway serves the page on loopback or with TLS only.
      allowHttp: location.protocol === 'http:',
      fetch: this.#parts.fetch,
      knownServers: this.#parts.knownServers,
      onServerKey: this.#parts.onServerKey,
      ...(pin === undefined ? {} : { serverKeyPins: [pin] }),
      ...(policy === undefined
        ? {}
        : { attestation: { policy, onResult: this.#parts.onEvidence } }),
    })
  }
}
