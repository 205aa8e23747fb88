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
} from '@nomyo/client'
import type { Trust } from './trust.js'

/** The client behind the proxy: the gateway's key is the proxy's own, whatever callers put into a request. */
export class SealingClient extends SecureChatCompletion {
  readonly #trust: Trust
  readonly #securityTier: SecurityTier | undefined

  /** @param securityTier - for requests that name none */
  constructor(
    options: SecureChatCompletionOptions,
    trust: Trust,
    securityTier: SecurityTier | undefined,
  ) {
    super(options)
    this.#trust = trust
    this.#securityTier = securityTier
  }

  override async create(
    request: ChatCompletionRequest,
    options?: RequestOptions,
  ): Promise<ChatCompletion> {
    if (request.api_key !== undefined) {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'Nothing was sent: api_key is not taken from requests; the key for the gateway is the own of the proxy.',
      )
    }
    const tier = request.security_tier ?? this.#securityTier
    try {
      const completion = await super.create(
        { ...request, ...(tier === undefined ? {} : { security_tier: tier }) },
        options,
      )
      this.#trust.problem = undefined
      return completion
    } catch (error) {
      if (error instanceof SecurityError || error instanceof AttestationError) {
        this.#trust.problem = error.code
      }
      throw error
    }
  }
}
