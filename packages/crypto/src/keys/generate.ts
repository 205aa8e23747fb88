import type { KeyPair } from '../suite.js'
import { privateKeyUse } from './import.js'
import { wireV1 as currentSuite } from '../wire-v1/suite.js'

/** Options for generating a key pair. */
export interface GenerateKeyPairOptions {
  /** True to permit the export of the private key. Default false. */
  extractable?: boolean
  /** Number of envelopes opened at the same time; see {@link ImportPrivateKeyOptions.parallel}. */
  parallel?: number
}

/**
 * Generates a key pair of the current suite: RSA-4096 with exponent 65537 (FIPS 186-5), by the
 * platform. Takes 0.3 to 3 seconds without blocking the event loop.
 *
 * @throws SecurityError `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { generateKeyPair } from '@nomyo/crypto'
 *
 * const { publicKey, privateKey } = await generateKeyPair()
 * ```
 */
export async function generateKeyPair(options: GenerateKeyPairOptions = {}): Promise<KeyPair> {
  return currentSuite.generateKeyPair(privateKeyUse(options))
}
