import type { KeyPair } from '../suite.js'
import { defaultSuite } from '../suites.js'

/** How to make a key pair. */
export interface GenerateKeyPairOptions {
  /** Whether the private key may be exported later, to be saved. Default false. */
  extractable?: boolean
  /** How many envelopes are opened with it at the same time; see {@link ImportPrivateKeyOptions.parallel}. */
  parallel?: number
}

/**
 * Makes a key pair of the current suite: RSA-4096 with exponent 65537 (FIPS 186-5), by the platform.
 * Takes 0.3 to 3 seconds; the event loop goes on meanwhile.
 */
export function generateKeyPair(options: GenerateKeyPairOptions = {}): Promise<KeyPair> {
  return defaultSuite.generateKeyPair({
    extractable: options.extractable ?? false,
    parallel: options.parallel ?? 1,
  })
}
