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
}

/** The options, checked and complete. */
export interface GatewayConfig {
  readonly apiKey: string | undefined
  readonly answer: Answer
  readonly serverKey: KeyPair
  /** Set where the gateway disposes of the pair. */
  readonly ownsKey: boolean
}

const OPTION_NAMES: Readonly<Record<keyof TestGatewayOptions, true>> = {
  apiKey: true,
  answer: true,
  serverKey: true,
}

/**
 * Checks the options once, at the edge, and generates the key if none is given.
 *
 * @throws TestkitError `ERR_INVALID_OPTION`, naming the option
 */
export async function readOptions(options: TestGatewayOptions): Promise<GatewayConfig> {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(OPTION_NAMES, name)) continue
    throw invalid(name, `is not known; the options are ${Object.keys(OPTION_NAMES).join(', ')}`)
  }
  const { apiKey, answer = echo, serverKey } = options
  if (apiKey !== undefined && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw invalid('apiKey', 'must be visible ASCII characters, or omitted')
  }
  if (typeof answer !== 'function') throw invalid('answer', 'must be a function')
  if (serverKey !== undefined) checkKeyPair(serverKey, 'serverKey')
  return {
    apiKey,
    answer,
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
