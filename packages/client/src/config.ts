import { SecurityError, parsePin, type Padding } from '@nomyo/crypto'
import { InvalidRequestError, parseBaseUrl } from '@nomyo/transport'

/** Where warnings go. */
export interface Logger {
  warn(message: string): void
}

/** One finished step of a request, for those who measure. Holds no content. */
export interface ExchangeStep {
  readonly name: 'reply-key' | 'server-key' | 'seal' | 'send' | 'open'
  readonly durationMs: number
}

/** How to construct a client. Everything is optional. */
export interface SecureChatCompletionOptions {
  /** Address of the gateway, with a path prefix if it has one. Default `https://api.nomyo.ai`. */
  baseUrl?: string
  /** Allows `http://`, for local development only: prints a warning. Default false. */
  allowHttp?: boolean
  /** Sent as a bearer token. */
  apiKey?: string
  /** Extra attempts after faults that may pass. Default 2. */
  maxRetries?: number
  /** Milliseconds each attempt may take, from waiting for keys to the last byte. Default 600,000. */
  timeout?: number
  /** Fingerprints (`sha256/...`) of the server keys accepted; none means any. */
  serverKeyPins?: readonly string[]
  /** Smallest server key accepted, in bits: 2048 to 8192. Default 4096. */
  minServerKeyBits?: number
  /** Whether the length of requests is hidden. Default `padme`. */
  padding?: Padding
  /** Another `fetch` than the platform's. */
  fetch?: typeof fetch
  /** Default: warnings of the process, in Node; nothing elsewhere. */
  logger?: Logger
  /** Told of every finished step. */
  onStep?: (step: ExchangeStep) => void
}

/** The options, checked and complete. */
export interface ClientConfig {
  readonly baseUrl: URL
  readonly apiKey: string | undefined
  readonly maxRetries: number
  readonly timeoutMs: number
  readonly serverKeyPins: readonly string[]
  readonly minServerKeyBits: number
  readonly padding: Padding
  readonly fetch: typeof fetch | undefined
  readonly onStep: (step: ExchangeStep) => void
}

const DEFAULT_BASE_URL = 'https://api.nomyo.ai'
const DEFAULT_TIMEOUT_MS = 600_000
/** Timers hold 31 bits; a longer one would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** Every option by name, so that a misspelt one is not silently ignored. */
const OPTION_NAMES: Readonly<Record<keyof SecureChatCompletionOptions, true>> = {
  baseUrl: true,
  allowHttp: true,
  apiKey: true,
  maxRetries: true,
  timeout: true,
  serverKeyPins: true,
  minServerKeyBits: true,
  padding: true,
  fetch: true,
  logger: true,
  onStep: true,
}

/**
 * Checks the options once, at the edge.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp`; `ERR_KEY_INVALID` for a
 * malformed pin
 */
export function readConfig(options: SecureChatCompletionOptions): ClientConfig {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTION_NAMES, name)) {
      throw invalidOption(
        name,
        `is not known; the options are ${Object.keys(OPTION_NAMES).join(', ')}`,
      )
    }
  }
  return Object.freeze({
    baseUrl: readBaseUrl(options),
    apiKey: checkApiKey(options.apiKey, 'apiKey'),
    maxRetries: integer('maxRetries', options.maxRetries, 2, { min: 0, max: 100 }),
    timeoutMs: integer('timeout', options.timeout, DEFAULT_TIMEOUT_MS, {
      min: 1,
      max: LONGEST_TIMEOUT_MS,
    }),
    serverKeyPins: readPins(options.serverKeyPins),
    minServerKeyBits: integer('minServerKeyBits', options.minServerKeyBits, 4096, {
      min: 2048,
      max: 8192,
    }),
    padding: readPadding(options.padding),
    fetch: optionalFunction('fetch', options.fetch),
    onStep: optionalFunction('onStep', options.onStep) ?? (() => undefined),
  })
}

/**
 * An API key as it may stand in a header: visible ASCII. An empty one counts as none.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, without the key
 */
export function checkApiKey(key: unknown, name: string): string | undefined {
  if (key === undefined || key === null || key === '') return undefined
  if (typeof key !== 'string' || !/^[\x21-\x7e]+$/.test(key)) {
    throw invalidOption(
      name,
      'must be visible ASCII characters; look for a line break or blank at its end',
    )
  }
  return key
}

function readBaseUrl({ baseUrl, allowHttp, logger }: SecureChatCompletionOptions): URL {
  if (baseUrl !== undefined && typeof baseUrl !== 'string') {
    throw invalidOption('baseUrl', 'must be a string')
  }
  if (allowHttp !== undefined && typeof allowHttp !== 'boolean') {
    throw invalidOption('allowHttp', 'must be true or false')
  }
  const url = parseBaseUrl(baseUrl ?? DEFAULT_BASE_URL)
  if (url.protocol === 'https:') return url
  if (allowHttp !== true) {
    throw new SecurityError(
      'ERR_INSECURE_URL',
      'baseUrl is http://: anybody on the way could hand out a key of their own and read everything. ' +
        'Use https://, or set allowHttp: true for local development.',
    )
  }
  warn(
    logger,
    'allowHttp is set: the server key is fetched over plain HTTP, where anybody on the way can replace it. ' +
      'Never do this in production.',
  )
  return url
}

function warn(logger: Logger | undefined, message: string): void {
  if (logger !== undefined) {
    logger.warn(message)
    return
  }
  // Only Node, Bun and Deno have a process to warn.
  const { process } = globalThis as {
    process?: { emitWarning?: (text: string, type: string) => void }
  }
  process?.emitWarning?.(message, 'NomyoSecurityWarning')
}

function integer(
  name: string,
  value: unknown,
  fallback: number,
  range: { min: number; max: number },
): number {
  if (value === undefined) return fallback
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= range.min &&
    value <= range.max
  ) {
    return value
  }
  throw invalidOption(
    name,
    `must be a whole number from ${String(range.min)} to ${String(range.max)}`,
  )
}

function readPins(pins: readonly string[] | undefined): readonly string[] {
  if (pins === undefined) return []
  if (!Array.isArray(pins))
    throw invalidOption('serverKeyPins', 'must be an array of sha256/ fingerprints')
  // An empty list would read as "pin nothing", which is hardly what was meant.
  if (pins.length === 0)
    throw invalidOption('serverKeyPins', 'is empty; leave it out to accept any key')
  return Object.freeze(pins.map((pin) => parsePin(String(pin))))
}

function readPadding(padding: unknown): Padding {
  if (padding === undefined || padding === 'padme' || padding === 'none') return padding ?? 'padme'
  throw invalidOption('padding', "must be 'padme' or 'none'")
}

function optionalFunction<T>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw invalidOption(name, 'must be a function')
}

const invalidOption = (name: string, why: string): InvalidRequestError =>
  new InvalidRequestError('ERR_INVALID_OPTION', `${name} ${why}.`)
