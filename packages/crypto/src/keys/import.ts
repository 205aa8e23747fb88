import { type Bytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import type { KeyPair, PublicKey } from '../suite.js'
import { wireV1 as currentSuite } from '../wire-v1/suite.js'
import { decodePem } from './pem.js'

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
  /**
   * Number of envelopes that are opened with the key at the same time; more wait. Default 1. For
   * servers the number of cores: each envelope takes one for some milliseconds.
   */
  parallel?: number
}

/** The lower bound that no option changes. */
const LEAST_BITS = 2048
const SERVER_KEY_BITS = 4096

/**
 * Reads a public key from PEM (`PUBLIC KEY`, SubjectPublicKeyInfo).
 *
 * Refuses what the platform accepts: weak moduli and exponents, other key types, certificates,
 * private keys, text around the block.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`
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
  const { label, der } = decodePem(pem)
  if (label !== 'PUBLIC KEY') throw wrongLabel(label, 'public')
  return currentSuite.importPublicKey(der, {
    minBits: Math.max(options.minBits ?? SERVER_KEY_BITS, LEAST_BITS),
  })
}

/**
 * Reads a private key from PEM and derives its public key: `PRIVATE KEY` (PKCS#8),
 * `ENCRYPTED PRIVATE KEY` (PBES2) or `RSA PRIVATE KEY` (PKCS#1). A trial decryption proves that the
 * parts of the key belong together.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`,
 * `ERR_KEY_PASSWORD`, `ERR_KEY_MISMATCH`
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises'
 * import { importPrivateKey } from '@nomyo/crypto'
 *
 * const pem = await readFile('private_key.pem', 'utf8')
 * const { privateKey } = await importPrivateKey(pem, { password: 'correct horse battery staple' })
 * ```
 */
export async function importPrivateKey(
  pem: string,
  options: ImportPrivateKeyOptions = {},
): Promise<KeyPair> {
  const pkcs8 = await readPkcs8(pem, options.password)
  try {
    const pair = await currentSuite.importPrivateKey(pkcs8, {
      minBits: Math.max(options.minBits ?? LEAST_BITS, LEAST_BITS),
      extractable: options.extractable ?? false,
      parallel: options.parallel ?? 1,
    })
    if (options.publicKeyPem !== undefined) await checkBelongsTogether(pair, options.publicKeyPem)
    return pair
  } finally {
    zeroize(pkcs8)
  }
}

async function readPkcs8(pem: string, password: string | undefined): Promise<Bytes> {
  const { label, der } = decodePem(pem)
  if (label === 'PRIVATE KEY') {
    refusePassword(password)
    return der
  }
  if (label !== 'ENCRYPTED PRIVATE KEY' && label !== 'RSA PRIVATE KEY') {
    throw wrongLabel(label, 'private')
  }
  // On demand, because it is nearly half of this package's code.
  const { decryptPkcs8, pkcs8FromPkcs1 } = await import('./private-key-formats.js')
  if (label === 'ENCRYPTED PRIVATE KEY') return decryptPkcs8(der, password)
  refusePassword(password)
  const pkcs8 = pkcs8FromPkcs1(der)
  zeroize(der)
  return pkcs8
}

/** A caller that gives a password relies on a protection that the file does not have. */
function refusePassword(password: string | undefined): void {
  if (password === undefined) return
  throw new SecurityError(
    'ERR_KEY_PASSWORD',
    'The private key is not encrypted: omit the password, or encrypt the key (openssl pkcs8 -topk8). ' +
      'importLegacyPrivateKey reads keys of nomyo-js 0.1.',
  )
}

async function checkBelongsTogether(pair: KeyPair, publicKeyPem: string): Promise<void> {
  const publicKey = await importPublicKey(publicKeyPem, { minBits: LEAST_BITS })
  if (publicKey.fingerprint === pair.publicKey.fingerprint) return
  throw new SecurityError('ERR_KEY_MISMATCH', 'The public key does not belong to the private key.')
}

const KNOWN_LABEL =
  /^(?:PUBLIC KEY|(?:(?:ENCRYPTED|RSA|EC|DSA|OPENSSH) )?PRIVATE KEY|CERTIFICATE(?: REQUEST)?)$/

function wrongLabel(label: string, wanted: 'public' | 'private'): SecurityError {
  if (!KNOWN_LABEL.test(label)) {
    return new SecurityError(
      'ERR_KEY_INVALID',
      wanted === 'public'
        ? 'Expected the PEM label PUBLIC KEY (PKCS#1: openssl rsa -RSAPublicKey_in -pubout).'
        : 'Expected the PEM label PRIVATE KEY or ENCRYPTED PRIVATE KEY.',
    )
  }
  return new SecurityError(
    'ERR_KEY_TYPE',
    `Expected a ${wanted} RSA key, got the PEM label ${label}.`,
  )
}
