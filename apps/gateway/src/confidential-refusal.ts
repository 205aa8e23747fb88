import { HttpError, type RefusalCode } from './http-error.js'

/**
 * Error in the shape of OpenAI's API. It may quote the request and the words of a model server: it is
 * sent encrypted to the caller only, and never logged.
 */
export interface ErrorObject {
  /** HTTP status that the model server answered with, or would have. */
  readonly status: number
  readonly message: string
  readonly type: string | null
  /** Member of the request that caused the error. */
  readonly param: string | null
  readonly code: string | null
}

/** Keeps an encrypted error below the 64 KiB that clients read, whatever its characters escape to. */
const MAX_MESSAGE_LENGTH = 4096
const MAX_NAME_LENGTH = 256

/** Creates an error object of what a model server sends: cuts long texts, and replaces what is no text. */
export function errorObject(
  status: number,
  { message, type, param, code }: Readonly<Partial<Record<keyof ErrorObject, unknown>>>,
): ErrorObject {
  return {
    status,
    message: textOf(message, MAX_MESSAGE_LENGTH) ?? 'The model server gave no reason.',
    type: textOf(type, MAX_NAME_LENGTH),
    param: textOf(param, MAX_NAME_LENGTH),
    // Some servers repeat the status here, as a number.
    code: textOf(typeof code === 'number' ? String(code) : code, MAX_NAME_LENGTH),
  }
}

function textOf(value: unknown, maxLength: number): string | null {
  if (typeof value !== 'string' || value === '') return null
  // Half of a surrogate pair does not survive UTF-8.
  return value.length > maxLength ? `${value.slice(0, maxLength).toWellFormed()}…` : value
}

/** Refusal that depends on plaintext: a fixed text for the network, and an error for the caller alone. */
export class ConfidentialRefusal extends HttpError {
  override readonly name: string = 'ConfidentialRefusal'
  /** Private, so that no log of this error shows it. */
  readonly #inner: ErrorObject

  constructor(
    statusCode: number,
    detail: string,
    inner: ErrorObject,
    retryAfterSeconds?: number,
    code?: RefusalCode,
  ) {
    super(statusCode, detail, retryAfterSeconds, code)
    this.#inner = inner
  }

  /** The error that is encrypted for the caller. */
  get inner(): ErrorObject {
    return this.#inner
  }
}
