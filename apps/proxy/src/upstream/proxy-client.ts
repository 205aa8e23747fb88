import { AttestationError } from '@nomyo/attest'
import {
  InvalidRequestError,
  SecureChatCompletion,
  SecurityError,
  type ChatCompletion,
  type ChatCompletionRequest,
  type RequestOptions,
  type SecureChatCompletionOptions,
  type SecurityTier,
  type WireInfo,
} from '@nomyo/client'
import { wireFacts, type Trust } from './trust.js'

const CHECK_TIMEOUT_MS = 30_000

/** Client of the proxy: requests cannot replace its API key, and their outcome updates the trust. */
export class ProxyClient extends SecureChatCompletion {
  readonly #trust: Trust
  readonly #securityTier: SecurityTier | undefined

  /** @param securityTier - tier of requests that name none */
  constructor(
    options: SecureChatCompletionOptions,
    trust: Trust,
    securityTier: SecurityTier | undefined,
  ) {
    super(options)
    this.#trust = trust
    this.#securityTier = securityTier
  }

  readonly #noteWire = (wire: WireInfo): void => {
    this.#trust.wire = wireFacts(wire)
    this.#trust.fingerprint = wire.fingerprint
  }

  override async create(
    request: ChatCompletionRequest,
    options?: RequestOptions,
  ): Promise<ChatCompletion> {
    if (request.api_key !== undefined) {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'Nothing was sent: requests cannot set api_key; the proxy has the key for the gateway.',
      )
    }
    const tier = request.security_tier ?? this.#securityTier
    try {
      const completion = await super.create(
        { ...request, ...(tier === undefined ? {} : { security_tier: tier }) },
        options,
      )
      this.#trust.problem = undefined
      // Known already, unless it changed: the answer does not wait for it.
      void this.chooseWire({ maxRetries: 0 }).then(this.#noteWire, () => undefined)
      return completion
    } catch (error) {
      this.#noteProblem(error)
      throw error
    }
  }

  /** Makes the checks of a request up to its encryption; see {@link SecureChatCompletion.chooseWire}. */
  async check(signal: AbortSignal): Promise<WireInfo> {
    try {
      const wire = await this.chooseWire({ signal, maxRetries: 0, timeout: CHECK_TIMEOUT_MS })
      this.#noteWire(wire)
      return wire
    } catch (error) {
      this.#noteProblem(error)
      throw error
    }
  }

  #noteProblem(error: unknown): void {
    if (error instanceof SecurityError || error instanceof AttestationError) {
      this.#trust.problem = error.code
    }
  }
}
