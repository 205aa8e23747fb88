import {
  SecureChatCompletion,
  type AttestationEvent,
  type AttestationPolicy,
  type ChatCompletion,
  type ChatCompletionRequest,
  type KnownServersStore,
  type ServerKeyEvent,
  type WireInfo,
} from '@nomyo/client'

/** Requirements that the server must meet before anything is encrypted to it. */
export interface Requirements {
  /** The only key accepted. */
  readonly pin?: string | undefined
  /** Policy that the machine must meet. */
  readonly policy?: AttestationPolicy | undefined
}

/** Parts and listeners of a chat. */
export interface EncryptedChatOptions {
  readonly fetch: typeof fetch
  readonly knownServers: KnownServersStore
  readonly onServerKey: (event: ServerKeyEvent) => void
  readonly onEvidence: (event: AttestationEvent) => void
}

/** The client of this page. Changed requirements cancel calls in flight. */
export class EncryptedChat {
  readonly #options: EncryptedChatOptions
  #requirements: Requirements = {}
  #client: SecureChatCompletion

  constructor(options: EncryptedChatOptions) {
    this.#options = options
    this.#client = this.#createClient()
  }

  /** Changes the given requirements; the others stay in force. */
  require(requirements: Requirements): void {
    this.#requirements = { ...this.#requirements, ...requirements }
    this.#client.dispose()
    this.#client = this.#createClient()
  }

  /** Makes the checks of a request, and tells the wire of the next one. Sends no API key. */
  chooseWire(): Promise<WireInfo> {
    return this.#client.chooseWire()
  }

  create(request: ChatCompletionRequest, signal: AbortSignal): Promise<ChatCompletion> {
    return this.#client.create(request, { signal })
  }

  #createClient(): SecureChatCompletion {
    const { fetch, knownServers, onServerKey, onEvidence } = this.#options
    const { pin, policy } = this.#requirements
    return new SecureChatCompletion({
      baseUrl: location.origin,
      // The gateway serves the page only on loopback or with TLS.
      allowHttp: location.protocol === 'http:',
      fetch,
      knownServers,
      onServerKey,
      ...(pin === undefined ? {} : { serverKeyPins: [pin] }),
      ...(policy === undefined ? {} : { attestation: { policy, onResult: onEvidence } }),
    })
  }
}
