import { platform } from '#platform'
import type { Receipt } from '@nomyo/attest/receipt'
import { SecurityError, parsePin, type Padding } from '@nomyo/crypto'
import { parseBaseUrl } from '@nomyo/transport'
import {
  readAttestation,
  type AttestationConfig,
  type AttestationOptions,
} from '../attestation/options.js'
import { checkHeaders } from './headers.js'
import type { KnownServersStore, ServerKeyEvent } from '../keys/known-servers.js'
import { createLog, type Log, type Logger } from './log.js'
import { boolean, callback, integer, invalidOption, oneOf, refuseUnknown } from './checks.js'
import type { ReplyKeyMode } from '../keys/reply-key-manager.js'

/** One finished step of a request, for those who measure. Holds no content. */
export interface CompletionStep {
  readonly name: 'reply-key' | 'server-key' | 'attest' | 'seal' | 'send' | 'open'
  readonly durationMs: number
}

/** How to construct a client. Everything is optional, and may be given as undefined. */
export interface SecureChatCompletionOptions {
  /**
   * Address of the gateway, with a path prefix if it has one. Default: the environment variable
   * `NOMYO_BASE_URL` where there is one, else `https://api.nomyo.ai`.
   */
  baseUrl?: string | undefined
  /** Allows `http://`, for local development only: warns. Default false. */
  allowHttp?: boolean | undefined
  /** Sent as a bearer token. Default: the environment variable `NOMYO_API_KEY` where there is one. */
  apiKey?: string | undefined
  /** Zeroes the bytes of requests and answers as soon as they are not needed. Default true. */
  secureMemory?: boolean | undefined
  /** Extra attempts after faults that may pass. Default 2. */
  maxRetries?: number | undefined
  /** Milliseconds each attempt may take, from waiting for keys to the last byte. Default 600,000. */
  timeout?: number | undefined
  /**
   * Folder of this client's own key pair (`private_key.pem`, `public_key.pem`), made there if missing.
   * Node only. Default: keys stay in memory.
   */
  keyDir?: string | undefined
  /** Milliseconds until the reply key is replaced; 0 for never. Default 86,400,000 (24 hours). */
  keyRotationInterval?: number | undefined
  /** Folder that gets a sub-folder for every key made by rotation. Node only. Default: none is saved. */
  keyRotationDir?: string | undefined
  /** Password of the key files in `keyDir` and `keyRotationDir`. */
  keyRotationPassword?: string | undefined
  /** `rotating`: one reply key until it is replaced. `one-time`: a new one for every attempt. Default `rotating`. */
  replyKeys?: ReplyKeyMode | undefined
  /** Fingerprints (`sha256/...`) of the server keys accepted; none means any. */
  serverKeyPins?: readonly string[] | undefined
  /** Smallest server key accepted, in bits: 2048 to 8192. Default 4096. */
  minServerKeyBits?: number | undefined
  /** Trusts the key a server shows first and refuses another one later. A file path (Node only) or a store. */
  knownServers?: string | KnownServersStore | undefined
  /** Told when a server key was looked up among the known ones. */
  onServerKey?: ((event: ServerKeyEvent) => void) | undefined
  /** Judges the machine by TPM evidence, before anything is sent to it. Default: it is not judged. */
  attestation?: AttestationOptions | undefined
  /**
   * Given the record of every answer before the caller gets it, and awaited: what it throws is thrown
   * to the caller. `@nomyo/attest/receipt` judges it again later. It holds no text, but salted digests:
   * whoever has one can check a guess at request or answer, unless the salts are taken out.
   */
  onReceipt?: ((receipt: Receipt) => void | Promise<void>) | undefined
  /** Whether the length of requests is hidden. Default `padme`. */
  padding?: Padding | undefined
  /** Sent with every HTTP request. */
  defaultHeaders?: Readonly<Record<string, string>> | undefined
  /** Another `fetch`. Default: in Node one of its own with kept-alive connections, elsewhere the platform's. */
  fetch?: typeof fetch | undefined
  /** Default: warnings go to the process in Node, nowhere elsewhere. `console` will do. */
  logger?: Logger | undefined
  /** Logs every step with its duration, and every retry. Never content. Default false. */
  debug?: boolean | undefined
  /** Told of every finished step. */
  onStep?: ((step: CompletionStep) => void) | undefined
}

/** The options, checked and complete. */
export interface ClientConfig {
  readonly baseUrl: URL
  readonly apiKey: string | undefined
  readonly secureMemory: boolean
  readonly maxRetries: number
  readonly timeoutMs: number
  readonly keyDir: string | undefined
  readonly keyRotationIntervalMs: number
  readonly keyRotationDir: string | undefined
  readonly keyRotationPassword: string | undefined
  readonly replyKeys: ReplyKeyMode
  readonly serverKeyPins: readonly string[]
  readonly minServerKeyBits: number
  readonly knownServers: KnownServersStore | undefined
  readonly onServerKey: (event: ServerKeyEvent) => void
  readonly attestation: AttestationConfig | undefined
  readonly onReceipt: ((receipt: Receipt) => void | Promise<void>) | undefined
  readonly padding: Padding
  readonly defaultHeaders: Readonly<Record<string, string>>
  readonly fetch: typeof fetch | undefined
  readonly log: Log
  readonly onStep: (step: CompletionStep) => void
}

const DEFAULT_BASE_URL = 'https://api.nomyo.ai'
const DEFAULT_TIMEOUT_MS = 600_000
const DEFAULT_ROTATION_MS = 24 * 60 * 60 * 1000
/** Timers hold 31 bits; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

/** Every option by name, so that a misspelt one is not silently ignored. */
const OPTION_NAMES: Readonly<Record<keyof SecureChatCompletionOptions, true>> = {
  baseUrl: true,
  allowHttp: true,
  apiKey: true,
  secureMemory: true,
  maxRetries: true,
  timeout: true,
  keyDir: true,
  keyRotationInterval: true,
  keyRotationDir: true,
  keyRotationPassword: true,
  replyKeys: true,
  serverKeyPins: true,
  minServerKeyBits: true,
  knownServers: true,
  onServerKey: true,
  attestation: true,
  onReceipt: true,
  padding: true,
  defaultHeaders: true,
  fetch: true,
  logger: true,
  debug: true,
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
  refuseUnknown(options, OPTION_NAMES)
  const log = createLog(readLogger(options.logger), boolean('debug', options.debug, false))
  return Object.freeze({
    baseUrl: readBaseUrl(options, log),
    apiKey: checkApiKey(options.apiKey ?? platform.variable('NOMYO_API_KEY'), 'apiKey'),
    secureMemory: boolean('secureMemory', options.secureMemory, true),
    maxRetries: checkMaxRetries(options.maxRetries) ?? 2,
    timeoutMs: checkTimeout(options.timeout) ?? DEFAULT_TIMEOUT_MS,
    keyDir: readFolder('keyDir', options.keyDir),
    keyRotationIntervalMs:
      integer('keyRotationInterval', options.keyRotationInterval, { min: 0, max: LONGEST_MS }) ??
      DEFAULT_ROTATION_MS,
    keyRotationDir: readFolder('keyRotationDir', options.keyRotationDir),
    keyRotationPassword: readPassword(options),
    replyKeys: oneOf('replyKeys', options.replyKeys, ['rotating', 'one-time']),
    serverKeyPins: readPins(options.serverKeyPins),
    minServerKeyBits:
      integer('minServerKeyBits', options.minServerKeyBits, { min: 2048, max: 8192 }) ?? 4096,
    knownServers: readKnownServers(options.knownServers),
    onServerKey: callback('onServerKey', options.onServerKey) ?? (() => undefined),
    attestation: readAttestation(options.attestation),
    onReceipt: callback('onReceipt', options.onReceipt),
    padding: oneOf('padding', options.padding, ['padme', 'none']),
    defaultHeaders: checkHeaders(options.defaultHeaders, 'defaultHeaders'),
    fetch: callback('fetch', options.fetch),
    log,
    onStep: callback('onStep', options.onStep) ?? (() => undefined),
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

/** Extra attempts; undefined when not given. */
export const checkMaxRetries = (value: unknown): number | undefined =>
  integer('maxRetries', value, { min: 0, max: 100 })

/** Milliseconds for one attempt; undefined when not given. */
export const checkTimeout = (value: unknown): number | undefined =>
  integer('timeout', value, { min: 1, max: LONGEST_MS })

function readBaseUrl({ baseUrl, allowHttp }: SecureChatCompletionOptions, log: Log): URL {
  const text = baseUrl ?? platform.variable('NOMYO_BASE_URL') ?? DEFAULT_BASE_URL
  if (typeof text !== 'string') throw invalidOption('baseUrl', 'must be a string')
  const httpAllowed = boolean('allowHttp', allowHttp, false)
  const url = parseBaseUrl(text)
  if (url.protocol === 'https:') return url
  if (!httpAllowed) {
    throw new SecurityError(
      'ERR_INSECURE_URL',
      'baseUrl is http://: anybody on the way could hand out a key of their own and read everything. ' +
        'Use https://, or set allowHttp: true for local development.',
    )
  }
  log.warn(
    'allowHttp is set: the server key is fetched over plain HTTP, where anybody on the way can replace it. ' +
      'Never do this in production.',
  )
  return url
}

function readLogger(logger: unknown): Logger | undefined {
  if (logger === undefined) return undefined
  if (typeof logger === 'object' && logger !== null && 'warn' in logger) {
    if (typeof logger.warn === 'function') return logger as Logger
  }
  throw invalidOption('logger', 'must be an object with a function warn(text)')
}

function readFolder(name: string, folder: unknown): string | undefined {
  if (folder === undefined) return undefined
  if (typeof folder !== 'string' || folder === '') throw invalidOption(name, 'must be a path')
  if (platform.keyFiles === undefined) {
    throw invalidOption(name, 'needs a file system; leave it out here, keys then stay in memory')
  }
  return folder
}

function readPassword(options: SecureChatCompletionOptions): string | undefined {
  const { keyRotationPassword: password, keyDir, keyRotationDir } = options
  if (password === undefined) return undefined
  if (typeof password !== 'string' || password === '') {
    throw invalidOption('keyRotationPassword', 'must be a non-empty string')
  }
  if (keyDir === undefined && keyRotationDir === undefined) {
    throw invalidOption(
      'keyRotationPassword',
      'protects key files; give keyDir or keyRotationDir too',
    )
  }
  return password
}

function readKnownServers(
  knownServers: string | KnownServersStore | undefined,
): KnownServersStore | undefined {
  if (knownServers === undefined || typeof knownServers === 'object') return knownServers
  if (typeof knownServers !== 'string' || knownServers === '') {
    throw invalidOption('knownServers', 'must be a path or a store')
  }
  if (platform.knownServersFile === undefined) {
    throw invalidOption('knownServers', 'needs a file system for a path; give a store instead')
  }
  return platform.knownServersFile(knownServers)
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
