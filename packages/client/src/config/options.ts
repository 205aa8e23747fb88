import { platform } from '#platform'
import type { Receipt } from '@nomyo/attest/receipt'
import { SecurityError, parsePin, type Padding } from '@nomyo/crypto'
import { parseBaseUrl } from '@nomyo/transport'
import { attestation, type AttestationOptions } from '../attestation/options.js'
import type { PaceOptions } from '../completion/pace.js'
import type { CompletionStep } from '../completion/step-timer.js'
import type { KnownServersStore, ServerKeyEvent } from '../keys/known-servers.js'
import type { ReplyKeyMode } from '../wire-1/reply-key-manager.js'
import {
  apiKey,
  boolean,
  callback,
  integer,
  invalidOption,
  oneOf,
  optional,
  password,
  path,
  plainObject,
  readOptions,
  signal,
  withDefault,
  type Check,
  type Option,
  type Values,
} from './checks.js'
import { checkOuterHeaders, headers } from './headers.js'
import { createLog, type Log, type Logger } from './log.js'

/** Options of a client. All may be omitted or undefined. */
export interface SecureChatCompletionOptions {
  /**
   * Address of the gateway, with a path prefix if it has one. Default: the environment variable
   * `NOMYO_BASE_URL` where it is set, else `https://api.nomyo.ai`.
   */
  baseUrl?: string | undefined
  /**
   * Address of an Oblivious HTTP relay, which passes encrypted requests on to the gateway: the gateway sees the
   * address of the relay, the relay sees no path, API key or content. Without a path,
   * `/.well-known/ohttp-gateway` is appended; with one, it is used as given. Requires wire 2. Keys and evidence
   * (`/pki/`) are fetched from the gateway directly. Default: no relay.
   */
  relayUrl?: string | undefined
  /** Allows `http://`, for local development only: warns. Default false. */
  allowHttp?: boolean | undefined
  /** Sent as a bearer token. Default: the environment variable `NOMYO_API_KEY`. */
  apiKey?: string | undefined
  /** Zeroes the bytes of requests and answers as soon as they are no longer needed. Default true. */
  secureMemory?: boolean | undefined
  /** Extra attempts after transient faults. Default 2. */
  maxRetries?: number | undefined
  /**
   * Milliseconds each attempt may take, from waiting for keys to the last byte; for streams, and what `fetch`
   * returns, to the head of the answer. Default 600,000.
   */
  timeout?: number | undefined
  /**
   * Milliseconds without an authentic part after which a stream fails; gateways send one every 15 seconds.
   * The time in which the reader of the stream does not read does not count. Default 60,000.
   */
  streamIdleTimeout?: number | undefined
  /**
   * Folder of this client's own key pair (`private_key.pem`, `public_key.pem`), created if missing. Node
   * only. Default: keys stay in memory.
   */
  keyDir?: string | undefined
  /** Milliseconds until the reply key is replaced; 0 for never. Default 86,400,000 (24 hours). */
  keyRotationInterval?: number | undefined
  /** Password of the key files in `keyDir`. */
  keyPassword?: string | undefined
  /** `rotating`: one reply key until it is replaced. `one-time`: a new one for every attempt. Default `rotating`. */
  replyKeys?: ReplyKeyMode | undefined
  /**
   * Fingerprints (`sha256/...`) of the server keys accepted: RSA keys and identity keys; none means any. On
   * wire 2, a pinned RSA key has to vouch for the identity, unless that is pinned as well.
   */
  serverKeyPins?: readonly string[] | undefined
  /** Smallest server key accepted, in bits: 2048 to 8192. Default 4096. */
  minServerKeyBits?: number | undefined
  /** Trusts the first key of a server and refuses another one later. A file path (Node only) or a store. */
  knownServers?: string | KnownServersStore | undefined
  /** Receives the result of each lookup among the known servers. */
  onServerKey?: ((event: ServerKeyEvent) => void) | undefined
  /** Verifies the machine by TPM evidence, before anything is sent to it. Default: no verification. */
  attestation?: AttestationOptions | undefined
  /**
   * Receives the receipt of every chat completion before the caller gets the answer, and is awaited: an error it
   * throws reaches the caller. `@nomyo/attest/receipt` verifies a receipt later. It holds no text, but
   * salted digests: with them a guess at request or answer can be confirmed, unless the salts are removed.
   */
  onReceipt?: ((receipt: Receipt) => void | Promise<void>) | undefined
  /**
   * The wire to use. `auto`: wire 2 where the gateway offers it; wire 1 only where it says that it does not,
   * and nothing is known to the contrary. `2`: never wire 1. `1`: never wire 2, and no question about it.
   * Default `auto`.
   */
  wire?: 'auto' | 1 | 2 | undefined
  /** Hides the length of requests (`padme`) or not (`none`). Default `padme`. */
  padding?: Padding | undefined
  /** Sent with every HTTP request. */
  defaultHeaders?: Readonly<Record<string, string>> | undefined
  /** Replaces `fetch`. Default: in Node one with kept-alive connections, elsewhere the platform's. */
  fetch?: typeof fetch | undefined
  /** Receives log lines; `console` fits. Default: process warnings in Node, `console` elsewhere. */
  logger?: Logger | undefined
  /** Logs every step with its duration, and every retry. Never content. Default false. */
  debug?: boolean | undefined
  /**
   * Spaces requests, so that a limit of the server is not reached: its refusals are slower. A 503 without
   * `Retry-After` then holds back all requests for 30 seconds, with a warning. `false`: none.
   * Default: the documented limits of `https://api.nomyo.ai` there (2 a second; once in 10 seconds, 4), none
   * elsewhere.
   */
  pace?: PaceOptions | false | undefined
  /** Receives every finished step. */
  onStep?: ((step: CompletionStep) => void) | undefined
}

const DEFAULT_BASE_URL = 'https://api.nomyo.ai'
/** The documented limits of that service. */
const HOSTED_PACE: PaceOptions = { perSecond: 2, burst: 4 }
const DAY_MS = 24 * 60 * 60 * 1000
/** Timers hold 31 bits; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

const address: Check<URL> = (value, name) => {
  if (typeof value === 'string') return parseBaseUrl(value, name)
  throw invalidOption(name, 'must be a string')
}

const baseUrl: Check<URL> = (value, name) => {
  const url = address(value, name)
  if (!/\/v1(?:\/chat\/\w+)?$/.test(url.pathname)) return url
  throw invalidOption(name, 'must end before /v1: the client adds the path itself')
}

const maxRetries: Check<number> = (value, name) => integer(0, 100)(value, name)
const timeout: Check<number> = (value, name) => integer(1, LONGEST_MS)(value, name)

const logger: Check<Logger> = (value, name) => {
  const { warn, debug = warn } = Object(value) as Partial<Logger>
  if (typeof warn === 'function' && typeof debug === 'function') return value as Logger
  throw invalidOption(name, 'must be an object with a function warn(text)')
}

const folder: Check<string> = (value, name) => {
  const checked = path(value, name)
  if (platform.keyFiles !== undefined) return checked
  throw invalidOption(name, 'needs a file system; omit it here: keys stay in memory')
}

const knownServers: Check<KnownServersStore> = (value, name) => {
  const { fingerprintsOf, add, addFirst, keysOf, addKeys } = Object(
    value,
  ) as Partial<KnownServersStore>
  if (typeof fingerprintsOf === 'function' && typeof add === 'function') {
    for (const member of [addFirst, keysOf, addKeys]) {
      if (member === undefined || typeof member === 'function') continue
      throw invalidOption(name, 'must contain functions only')
    }
    if (typeof keysOf === typeof addKeys) return value as KnownServersStore
    throw invalidOption(name, 'must have both keysOf and addKeys, or neither')
  }
  if (typeof value !== 'string' || value === '') {
    throw invalidOption(name, 'must be a path or a store')
  }
  if (platform.knownServersFile !== undefined) return platform.knownServersFile(value)
  throw invalidOption(name, 'needs a file system for a path; give a store instead')
}

const pins: Check<readonly string[]> = (value, name) => {
  if (!Array.isArray(value)) throw invalidOption(name, 'must be an array of sha256/ fingerprints')
  // An empty list would read as "pin nothing", which is hardly intended.
  if (value.length === 0) throw invalidOption(name, 'is empty; omit it to accept any key')
  // Not map, which leaves holes as they are.
  return Object.freeze(Array.from(value, (pin) => parsePin(typeof pin === 'string' ? pin : '')))
}

const pace: Check<PaceOptions | false> = (value, name) => {
  if (value === false) return value
  return readOptions(
    value as object,
    { perSecond: { check: integer(1, 1000) }, burst: optional(integer(1, 1000)) },
    `${name}.`,
  )
}

const fetchOption: Check<typeof fetch> = (value, name) => {
  // One of `createNomyoFetch` encrypts by itself, and serves no other request.
  if (typeof value === 'function' && !('dispose' in value)) return value as typeof fetch
  throw invalidOption(name, 'must be a function, and not one of createNomyoFetch')
}

/** The table of all options: check and default. */
function optionTable() {
  return {
    baseUrl: withDefault(baseUrl, new URL(DEFAULT_BASE_URL)),
    relayUrl: optional(address),
    allowHttp: withDefault(boolean, false),
    apiKey: optional(apiKey),
    secureMemory: withDefault(boolean, true),
    maxRetries: withDefault(maxRetries, 2),
    timeout: withDefault(timeout, 600_000),
    streamIdleTimeout: withDefault(timeout, 60_000),
    keyDir: optional(folder),
    keyRotationInterval: withDefault(integer(0, LONGEST_MS), DAY_MS),
    keyPassword: optional(password),
    replyKeys: withDefault(oneOf<ReplyKeyMode>('rotating', 'one-time'), 'rotating'),
    serverKeyPins: withDefault(pins, []),
    minServerKeyBits: withDefault(integer(2048, 8192), 4096),
    knownServers: optional(knownServers),
    onServerKey: withDefault(callback<(event: ServerKeyEvent) => void>(), () => undefined),
    attestation: optional(attestation),
    onReceipt: optional(callback<(receipt: Receipt) => void | Promise<void>>()),
    wire: withDefault(oneOf<'auto' | 1 | 2>('auto', 1, 2), 'auto'),
    padding: withDefault(oneOf<Padding>('padme', 'none'), 'padme'),
    defaultHeaders: withDefault(headers, {}),
    fetch: optional(fetchOption),
    logger: optional(logger),
    debug: withDefault(boolean, false),
    pace: optional(pace),
    onStep: withDefault(callback<(step: CompletionStep) => void>(), () => undefined),
  } satisfies Readonly<Record<keyof SecureChatCompletionOptions, Option<unknown>>>
}

/** Values of the options, before they are checked against each other. */
type OptionValues = Values<ReturnType<typeof optionTable>>

/** The options, checked and complete. */
export interface ClientConfig extends OptionValues {
  readonly pace: PaceOptions | false
  readonly log: Log
}

/**
 * Checks the options once, at the edge.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 * @throws SecurityError `ERR_INSECURE_URL` for `http://` without `allowHttp`; `ERR_KEY_INVALID` for a
 * malformed pin
 */
export function readConfig(options: SecureChatCompletionOptions): ClientConfig {
  plainObject(options, 'options', " such as { baseUrl: 'https://gateway.example' }")
  // Members are read once: a getter may return another value the next time.
  const given = { ...options }
  const values = readOptions(
    {
      ...given,
      ...(given.baseUrl === undefined && { baseUrl: platform.variable('NOMYO_BASE_URL') }),
      apiKey: given.apiKey ?? platform.variable('NOMYO_API_KEY'),
    },
    optionTable(),
  )
  if (values.keyPassword !== undefined && values.keyDir === undefined) {
    throw invalidOption('keyPassword', 'protects the key files in keyDir; give keyDir too')
  }
  if (values.wire === 1 && values.attestation?.minWire === 2) {
    throw invalidOption('wire', 'is 1, which attestation.minWire: 2 refuses')
  }
  const wire = wireOf(values)
  // Where wire 2 is certain, before its first question takes them along.
  if (wire === 2 || values.attestation?.minWire === 2) {
    checkOuterHeaders(values.defaultHeaders)
  }
  const log = createLog(values.logger, values.debug)
  checkProtocol(values, log)
  const isHosted = values.baseUrl.origin === DEFAULT_BASE_URL
  return Object.freeze({ ...values, wire, pace: values.pace ?? (isHosted && HOSTED_PACE), log })
}

/**
 * Returns the wire to use. Relays carry wire 2 only: with one, a gateway without wire 2 must not see the address
 * of this client instead.
 */
function wireOf({ wire, relayUrl, baseUrl: { origin } }: OptionValues): 'auto' | 1 | 2 {
  if (relayUrl === undefined) return wire
  if (relayUrl.origin === origin) throw invalidOption('relayUrl', 'names the gateway')
  if (wire !== 1) return 2
  throw invalidOption('wire', 'must not be 1 with relayUrl: relays carry wire 2')
}

/** The danger of plain HTTP. */
const HTTP_RISK = 'an attacker on the network path can replace the server key and read everything'

function checkProtocol(values: OptionValues, log: Log): void {
  const name = (['baseUrl', 'relayUrl'] as const).find((url) => values[url]?.protocol === 'http:')
  if (name === undefined) return
  if (!values.allowHttp) {
    throw new SecurityError(
      'ERR_INSECURE_URL',
      `${name} is http://: ${HTTP_RISK}. Use https://, or set allowHttp: true for local development.`,
    )
  }
  log.warn(`allowHttp is set: ${HTTP_RISK}. Never do this in production.`)
}

/** Settings of one request. */
export interface RequestOptions {
  /** Aborts the request, in whatever state. */
  signal?: AbortSignal | undefined
  /** Milliseconds for each attempt; replaces the client's. */
  timeout?: number | undefined
  /** Extra attempts; replaces the client's. */
  maxRetries?: number | undefined
  /** Sent beside the client's own headers. */
  headers?: Readonly<Record<string, string>> | undefined
}

/** Settings of a request of the models. */
export interface ListModelsOptions extends RequestOptions {
  /** Replaces the client's key. */
  apiKey?: string | undefined
}

/** The options of a request, complete. */
export type RequestConfig = Pick<ClientConfig, 'timeout' | 'maxRetries'> & {
  readonly signal: AbortSignal | undefined
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Checks the options of one request, with those of its client as defaults.
 *
 * @throws InvalidRequestError `ERR_INVALID_OPTION`, naming the option
 */
export function readRequestOptions(options: RequestOptions, client: ClientConfig): RequestConfig {
  return readOptions(options, {
    signal: optional(signal),
    timeout: withDefault(timeout, client.timeout),
    maxRetries: withDefault(maxRetries, client.maxRetries),
    headers: withDefault(headers, {}),
  })
}
