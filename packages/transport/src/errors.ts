/**
 * An error that the gateway encrypted for this client: the model server's own, or a refusal that depends
 * on the request. Its texts may quote the request; escape them before you show them.
 */
export interface SealedError {
  /** Status that the model server answered with; `statusCode` is that of the HTTP response. */
  readonly status: number
  readonly message: string
  readonly type: string | null
  /** Member of the request that caused the error. */
  readonly param: string | null
  /** Such as `context_length_exceeded`. */
  readonly code: string | null
}

/** The members that every error of this package may have. */
interface ErrorFacts {
  /** HTTP status, where the server answered. */
  statusCode?: number | undefined
  /** The body of the response. Unauthenticated plaintext: never trust it, never show it unescaped. */
  errorDetails?: unknown
  /** The `X-Payload-ID` of the request. */
  payloadId?: string | undefined
  /** The wait that the server requested, in milliseconds. */
  retryAfterMs?: number | undefined
  /** The decrypted part of a refusal. */
  sealedError?: SealedError | undefined
  /** True where the whole refusal was encrypted by the gateway. */
  authenticated?: boolean | undefined
}

const FACTS = [
  'statusCode',
  'errorDetails',
  'payloadId',
  'retryAfterMs',
  'sealedError',
  'authenticated',
] as const

/** The reason of an {@link APIError}. */
export type APIErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_REQUEST'
  | 'ERR_REQUEST_TOO_LARGE'
  | 'ERR_BAD_REQUEST'
  | 'ERR_AUTHENTICATION'
  | 'ERR_FORBIDDEN'
  | 'ERR_NOT_FOUND'
  | 'ERR_ROUTE'
  | 'ERR_RATE_LIMIT'
  | 'ERR_SERVER'
  | 'ERR_UNAVAILABLE'
  | 'ERR_UNEXPECTED_STATUS'
  | 'ERR_ANSWER_FORMAT'

/** The reason of an {@link APIConnectionError}. */
export type ConnectionErrorCode =
  | 'ERR_NETWORK'
  | 'ERR_TIMEOUT'
  | 'ERR_ABORTED'
  | 'ERR_RESPONSE_TOO_LARGE'
  | 'ERR_REDIRECT'
  | 'ERR_TRUNCATED'

/** Shared by every copy of this module, so that `instanceof` holds between two of them. */
const CLASS_NAMES = Symbol.for('nomyo.transport.classNames')

/** An error that carries the names of its classes, so that every copy of this module recognizes it. */
abstract class TransportError extends Error implements ErrorFacts {
  declare readonly statusCode?: number
  declare readonly errorDetails?: unknown
  declare readonly retryAfterMs?: number
  declare payloadId?: string

  constructor(message: string, facts: ErrorFacts) {
    super(message)
    // Missing facts are not members, so that printing an error shows no undefined.
    for (const name of FACTS) {
      if (facts[name] !== undefined) Object.assign(this, { [name]: facts[name] })
    }
    Object.defineProperty(this, CLASS_NAMES, { value: classNames(this) })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class derived by a user has no own name here: the ordinary rule applies.
    if (!Object.hasOwn(this.prototype, 'name')) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    const names = (value as { [CLASS_NAMES]?: unknown } | null | undefined)?.[CLASS_NAMES]
    return Array.isArray(names) && names.includes(this.prototype.name)
  }
}

/** The server answered with a refusal. Base of the classes below. */
export class APIError extends TransportError {
  readonly code: APIErrorCode
  /**
   * True where the gateway encrypted the whole refusal for this request (wire 2). Otherwise every member
   * but `sealedError` may be the word of any party between client and gateway, or of this client, which
   * sent nothing then.
   */
  declare readonly authenticated: boolean
  /** The encrypted part of the refusal, verified as an answer is. */
  declare readonly sealedError?: SealedError

  static {
    nameClass(this, 'APIError')
    // Like the facts that are missing, the default is no member of its own.
    Object.defineProperty(this.prototype, 'authenticated', { value: false, writable: true })
  }

  constructor(code: APIErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts)
    this.code = code
  }
}

/** 400, or a request or option refused before anything was sent. Correct the request. */
export class InvalidRequestError extends APIError {
  static {
    nameClass(this, 'InvalidRequestError')
  }
}

/** 401. Check the API key. */
export class AuthenticationError extends APIError {
  static {
    nameClass(this, 'AuthenticationError')
  }
}

/** 403. The key or the security tier does not allow this model. */
export class ForbiddenError extends APIError {
  static {
    nameClass(this, 'ForbiddenError')
  }
}

/** 429. Wait, then retry; `retryAfterMs` holds the wait where the server named one. */
export class RateLimitError extends APIError {
  static {
    nameClass(this, 'RateLimitError')
  }
}

/** 500, 502, 504. Retry later. */
export class ServerError extends APIError {
  static {
    nameClass(this, 'ServerError')
  }
}

/** 503. The model server is unavailable, or the service has suspended the caller. Retry later. */
export class ServiceUnavailableError extends APIError {
  static {
    nameClass(this, 'ServiceUnavailableError')
  }
}

/**
 * No usable response: network fault, deadline, abort, truncated or oversized body, redirect.
 *
 * `ERR_TRUNCATED`: an encrypted answer that ended before its end. Parts of it were authentic.
 */
export class APIConnectionError extends TransportError {
  readonly code: ConnectionErrorCode

  static {
    nameClass(this, 'APIConnectionError')
  }

  constructor(code: ConnectionErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts)
    this.code = code
  }
}

/** Sets the name on the prototype, where the engine finds it for the first line of a stack. */
function nameClass(constructor: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name })
}

/** Returns the names of an error's classes, from its own up to {@link APIError}. */
function classNames(error: TransportError): string[] {
  const names: string[] = []
  let prototype = Object.getPrototypeOf(error) as TransportError
  while (prototype !== TransportError.prototype) {
    if (Object.hasOwn(prototype, 'name')) names.push(prototype.name)
    prototype = Object.getPrototypeOf(prototype) as TransportError
  }
  return names
}
