import { generateKeyPair, type KeyPair } from '@nomyo/crypto'
import { echo, type Answer } from '../answer.js'
import { TestkitError } from '../errors.js'

/** Options of {@link startTestGateway}. All may be omitted. */
export interface TestGatewayOptions {
  /** The bearer token that callers need. Default: none. */
  apiKey?: string
  /**
   * Returns the completion for a request, or its text. Default: the text of the last message, like the
   * model `nomyo/echo`. The `system_fingerprint` marks every text as one without a model.
   */
  answer?: Answer
  /**
   * The pair that requests are encrypted to, such as that of {@link testKeyPair}; the caller keeps
   * ownership. Default: a new one, which takes 0.3 to 3 seconds.
   */
  serverKey?: KeyPair
  /** 2 offers wire 2 beside wire 1, as gateways do. Default 1: wire 1 alone. */
  wire?: 1 | 2
}

/** The options, checked and complete. */
export interface GatewayConfig {
  readonly apiKey: string | undefined
  readonly answer: Answer
  readonly serverKey: KeyPair
  /** Set where the gateway disposes of the pair. */
  readonly ownsKey: boolean
  readonly wire: 1 | 2
}

const OPTION_NAMES: Readonly<Record<keyof TestGatewayOptions, true>> = {
  apiKey: true,
  answer: true,
  serverKey: true,
  wire: true,
}

/**
 * Checks the options once, at the edge, and generates the key if none is given.
 *
 * @throws TestkitError `ERR_INVALID_OPTION`, naming the option
 */
export async function readOptions(options: TestGatewayOptions): Promise<GatewayConfig> {
  if (Object.prototype.toString.call(options) !== '[object Object]') {
    throw invalid('options', 'must be an object')
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(OPTION_NAMES, name)) continue
    throw invalid(name, `is not known; the options are ${Object.keys(OPTION_NAMES).join(', ')}`)
  }
  const { apiKey, answer = echo, serverKey, wire = 1 } = options
  if (apiKey !== undefined && (typeof apiKey !== 'string' || !/^[\x21-\x7e]+$/.test(apiKey))) {
    throw invalid('apiKey', 'must be visible ASCII characters, or omitted')
  }
  if (typeof answer !== 'function') throw invalid('answer', 'must be a function')
  if (serverKey !== undefined) checkKeyPair(serverKey, 'serverKey')
  if (![1, 2].includes(wire)) throw invalid('wire', 'must be 1 or 2')
  return {
    apiKey,
    answer,
    wire,
    serverKey: serverKey ?? (await generateKeyPair()),
    ownsKey: serverKey === undefined,
  }
}

/** @throws TestkitError `ERR_INVALID_OPTION` */
export function checkKeyPair(pair: unknown, name: string): asserts pair is KeyPair {
  if (pair instanceof Promise) throw invalid(name, 'is a promise; await it')
  if (typeof pair === 'object' && pair !== null && 'publicKey' in pair && 'privateKey' in pair)
    return
  throw invalid(name, 'must be a pair of testKeyPair() or of generateKeyPair() of @nomyo/crypto')
}

const invalid = (name: string, why: string): TestkitError =>
  new TestkitError('ERR_INVALID_OPTION', `${name} ${why}.`)
