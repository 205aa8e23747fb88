/** The members every error of this package may have. */
interface ErrorFacts {
  /** HTTP status, where there was an answer. */
  statusCode?: number | undefined
  /** The body of the answer. Unauthenticated plaintext: never trust it, never show it unescaped. */
  errorDetails?: unknown
  /** The `X-Payload-ID` of the request. */
  payloadId?: string | undefined
  /** How long the server asked to wait, in milliseconds. */
  retryAfterMs?: number | undefined
}

const FACTS = ['statusCode', 'errorDetails', 'payloadId', 'retryAfterMs'] as const

/** Why an {@link APIError} was thrown. */
export type APIErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_REQUEST'
  | 'ERR_REQUEST_TOO_LARGE'
  | 'ERR_BAD_REQUEST'
  | 'ERR_AUTHENTICATION'
  | 'ERR_FORBIDDEN'
  | 'ERR_NOT_FOUND'
  | 'ERR_RATE_LIMIT'
  | 'ERR_SERVER'
  | 'ERR_UNAVAILABLE'
  | 'ERR_UNEXPECTED_STATUS'

/** Why an {@link APIConnectionError} was thrown. */
export type ConnectionErrorCode =
  'ERR_NETWORK' | 'ERR_TIMEOUT' | 'ERR_ABORTED' | 'ERR_RESPONSE_TOO_LARGE' | 'ERR_REDIRECT'

/** Shared by every copy of this module, so that `instanceof` holds between two of them. */
const CLASS_NAMES = Symbol.for('nomyo.transport.classNames')

/** An error that knows its classes by name, whichever copy of this module made it. */
abstract class TransportError extends Error implements ErrorFacts {
  declare readonly statusCode?: number
  declare readonly errorDetails?: unknown
  declare readonly retryAfterMs?: number
  declare payloadId?: string

  constructor(message: string, facts: ErrorFacts) {
    super(message)
    // What there is not is no member, so that it is not printed as undefined either.
    for (const name of FACTS) {
      if (facts[name] !== undefined) Object.assign(this, { [name]: facts[name] })
    }
    Object.defineProperty(this, CLASS_NAMES, { value: classNames(this) })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // A class derived by a user has no name of its own here: the ordinary rule holds for it.
    if (!Object.hasOwn(this.prototype, 'name')) {
      return Function.prototype[Symbol.hasInstance].call(this, value)
    }
    const names = (value as { [CLASS_NAMES]?: unknown } | null | undefined)?.[CLASS_NAMES]
    return Array.isArray(names) && names.includes(this.prototype.name)
  }
}

/** The server answered, but not with what was asked for. Base of the classes below. */
export class APIError extends TransportError {
  readonly code: APIErrorCode

  static {
    nameClass(this, 'APIError')
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

/** 429. Wait, then try again; `retryAfterMs` says how long where the server did. */
export class RateLimitError extends APIError {
  static {
    nameClass(this, 'RateLimitError')
  }
}

/** 500, 502, 504. Try again later. */
export class ServerError extends APIError {
  static {
    nameClass(this, 'ServerError')
  }
}

/** 503. The model server is away, or the service has put the caller on hold. Try again later. */
export class ServiceUnavailableError extends APIError {
  static {
    nameClass(this, 'ServiceUnavailableError')
  }
}

/** There was no usable answer: network fault, deadline, abort, cut-off or oversized body, redirect. */
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

/** Puts the name on the prototype, where the engine finds it when it writes the first line of a stack. */
function nameClass(constructor: { readonly prototype: Error }, name: string): void {
  Object.defineProperty(constructor.prototype, 'name', { value: name })
}

/** The names on an error's prototypes, from its own class up to {@link APIError}. */
function classNames(error: TransportError): string[] {
  const names: string[] = []
  let prototype = Object.getPrototypeOf(error) as TransportError
  while (prototype !== TransportError.prototype) {
    if (Object.hasOwn(prototype, 'name')) names.push(prototype.name)
    prototype = Object.getPrototypeOf(prototype) as TransportError
  }
  return names
}
