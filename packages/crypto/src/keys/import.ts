import { platform } from '#crypto-platform'
import { requireCallback, requireInteger, requireOptions, requireText } from '../arguments.js'
import { zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import type { KeyPair, PrivateKeyUse, PublicKey } from '../suite.js'
import { wireV1 as currentSuite } from '../wire-v1/suite.js'
import { soleBlock } from './pem.js'

/** Options for reading a public key. */
export interface ImportPublicKeyOptions {
  /** Smallest key accepted, in bits; never below 2048. Default 4096. */
  minBits?: number
}

/** Options for reading a private key. */
export interface ImportPrivateKeyOptions {
  /** Smallest key accepted, in bits; never below 2048, which is the default. */
  minBits?: number
  /** For `ENCRYPTED PRIVATE KEY`, as UTF-8; an error for a key that is not encrypted. */
  password?: string
  /** The public key that must belong to it. */
  publicKeyPem?: string
  /** True to permit the export of the private key. Default false. */
  extractable?: boolean
  /** Receives what does not prevent reading, such as an encryption that is out of date. */
  onWarning?: (message: string) => void
  /**
   * Number of envelopes that are opened with the key at the same time; more wait. Default 1. For
   * servers the number of cores: each envelope takes one for some milliseconds.
   */
  parallel?: number
}

/** Copies of a key; more only take memory. */
const MAX_PARALLEL = 1024
/** The lower bound that no option changes. */
const LEAST_BITS = 2048
const SERVER_KEY_BITS = 4096

/**
 * Reads a public key from PEM (`PUBLIC KEY`, SubjectPublicKeyInfo).
 *
 * Refuses what the platform accepts: weak moduli and exponents, other key types, certificates,
 * private keys, text around the block.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`,
 * `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { importPublicKey } from '@nomyo/crypto'
 *
 * const response = await fetch('https://api.nomyo.ai/pki/public_key')
 * const { fingerprint } = await importPublicKey(await response.text())
 * ```
 */
export async function importPublicKey(
  pem: string,
  options: ImportPublicKeyOptions = {},
): Promise<PublicKey> {
  requireText(pem, 'pem')
  const minBits = leastBits(options, SERVER_KEY_BITS)
  const block = soleBlock(pem)
  if (block?.label === 'PUBLIC KEY') return currentSuite.importPublicKey(block.der, { minBits })
  return platform.refusePublicKey(pem)
}

/**
 * Reads a private key from PEM and derives its public key: `PRIVATE KEY` (PKCS#8),
 * `ENCRYPTED PRIVATE KEY` (PBES2) or `RSA PRIVATE KEY` (PKCS#1). Text, certificates and public keys may
 * stand beside the block; a second private key must not. A trial decryption proves that the parts of the
 * key belong together. The refusal of another format names the command that converts it.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`,
 * `ERR_KEY_PASSWORD`, `ERR_KEY_MISMATCH`, `ERR_ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { importPrivateKey } from '@nomyo/crypto'
 *
 * const pem = await readFile('private_key.pem', 'utf8')
 * const { privateKey } = await importPrivateKey(pem, { password: 'correct horse battery staple' })
 * ```
 */
export function importPrivateKey(
  pem: string,
  options: ImportPrivateKeyOptions = {},
): Promise<KeyPair> {
  return importPrivateKeyFile(pem, options, 'FILE')
}

/**
 * Reads a private key as {@link importPrivateKey} does.
 *
 * @param file - its name in the commands of refusals
 */
export async function importPrivateKeyFile(
  pem: string,
  options: ImportPrivateKeyOptions,
  file: string,
): Promise<KeyPair> {
  requireText(pem, 'pem')
  const use = { ...privateKeyUse(options), minBits: leastBits(options, LEAST_BITS) }
  const { password, publicKeyPem, onWarning } = options
  requirePassword(password)
  requireCallback(onWarning, 'onWarning')
  // On demand, because it is nearly half of this package's code.
  const { importRsaPrivateKey, readPrivateKeyText } = await import('./private-key-formats.js')
  const pkcs8 = await readPrivateKeyText(pem, { password, onWarning, file })
  try {
    const pair = await importRsaPrivateKey(currentSuite, pkcs8, use)
    if (publicKeyPem !== undefined) await checkBelongsTogether(pair, publicKeyPem)
    return pair
  } finally {
    zeroize(pkcs8)
  }
}

/** Reads the options of the use of a private key. */
export function privateKeyUse(options: {
  readonly extractable?: boolean
  readonly parallel?: number
}): PrivateKeyUse {
  requireOptions(options)
  const { extractable, parallel = 1 } = options
  requireInteger(parallel, 'parallel', 1, MAX_PARALLEL)
  return { extractable: extractable === true, parallel }
}

/** Any other value would be encoded as some text. */
export function requirePassword(password: unknown): void {
  if (password !== undefined) requireText(password, 'password')
}

function leastBits(options: ImportPublicKeyOptions, byDefault: number): number {
  requireOptions(options)
  const { minBits = byDefault } = options
  requireInteger(minBits, 'minBits')
  return Math.max(minBits, LEAST_BITS)
}

async function checkBelongsTogether(pair: KeyPair, publicKeyPem: string): Promise<void> {
  const publicKey = await importPublicKey(publicKeyPem, { minBits: LEAST_BITS })
  if (publicKey.fingerprint === pair.publicKey.fingerprint) return
  throw new SecurityError('ERR_KEY_MISMATCH', 'The public key does not belong to the private key.')
}
