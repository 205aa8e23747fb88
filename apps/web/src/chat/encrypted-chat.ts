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
import { AnswerParts, type AnswerSoFar } from './answer-parts.js'

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

  /**
   * Requests an answer, and reports its text while it arrives; on wire 1, where it arrives whole, never.
   * Resolves when the end of the answer is authentic.
   */
  async ask(
    request: ChatCompletionRequest,
    signal: AbortSignal,
    onText: (soFar: AnswerSoFar) => void,
  ): Promise<ChatCompletion> {
    const client = this.#client
    const { wire } = await client.chooseWire({ signal })
    if (wire === 1) return client.create(request, { signal })
    const chunks = await client.chat.completions.create({ ...request, stream: true }, { signal })
    const parts = new AnswerParts()
    let shown = ''
    for await (const chunk of chunks) {
      parts.add(chunk)
      const { soFar } = parts
      if (soFar.text !== shown) onText(soFar)
      shown = soFar.text
    }
    return parts.completion()
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
