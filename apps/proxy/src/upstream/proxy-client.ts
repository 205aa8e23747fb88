import { AttestationError } from '@nomyo/attest'
import {
  SecureChatCompletion,
  SecurityError,
  type ChatCompletion,
  type ChatCompletionRequest,
  type RequestOptions,
  type SecureChatCompletionOptions,
  type SecureFetchInit,
  type SecurityTier,
  type WireInfo,
} from '@nomyo/client'
import { ownKey } from '../routes/refuse-own-key.js'
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
    if (request.api_key !== undefined) throw ownKey()
    const tier = request.security_tier ?? this.#securityTier
    try {
      const completion = await super.create(
        { ...request, ...(tier === undefined ? {} : { security_tier: tier }) },
        options,
      )
      this.#noteSuccess()
      return completion
    } catch (error) {
      this.noteFailure(error)
      throw error
    }
  }

  override async fetch(path: string, init: SecureFetchInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (headers.has('authorization')) throw ownKey()
    const tier = this.#securityTier
    if (tier !== undefined && !headers.has('x-security-tier')) headers.set('x-security-tier', tier)
    try {
      const response = await super.fetch(path, { ...init, headers })
      this.#noteSuccess()
      return response
    } catch (error) {
      this.noteFailure(error)
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
      this.noteFailure(error)
      throw error
    }
  }

  #noteSuccess(): void {
    this.#trust.problem = undefined
    // Known already, unless it changed: the answer does not wait for it.
    void this.chooseWire({ maxRetries: 0 }).then(this.#noteWire, () => undefined)
  }

  /** Notes that the gateway, or what it answered, cannot be trusted. */
  noteFailure(error: unknown): void {
    if (error instanceof SecurityError || error instanceof AttestationError) {
      this.#trust.problem = error.code
    }
  }
}
