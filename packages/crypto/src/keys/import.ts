import { zeroize } from '../bytes/zeroize.js'
import { SecurityError } from '../errors.js'
import type { KeyPair, PublicKey } from '../suite.js'
import { defaultSuite } from '../suites.js'
import { decodePem } from './pem.js'
import type { Bytes } from '../bytes/types.js'

/** How to read a public key. */
export interface ImportPublicKeyOptions {
  /** Smallest key accepted, in bits; never below 2048. Default 4096. */
  minBits?: number
}

/** How to read a private key. */
export interface ImportPrivateKeyOptions {
  /** Smallest key accepted, in bits; never below 2048, which is the default. */
  minBits?: number
  /** For `ENCRYPTED PRIVATE KEY`; giving one for a key that has none is an error. UTF-8 encoded. */
  password?: string
  /** The public key that must belong to it. */
  publicKeyPem?: string
  /** Whether the private key may be exported again. Default false. */
  extractable?: boolean
  /**
   * How many envelopes are opened with it at the same time; more wait. Default 1. For servers: the
   * number of cores, as each takes one for some milliseconds.
   */
  parallel?: number
}

/** What no option lowers. */
const LEAST_BITS = 2048
const SERVER_KEY_BITS = 4096

/**
 * Reads a public key from PEM (`PUBLIC KEY`, SubjectPublicKeyInfo).
 *
 * Refuses what the platform would let pass: weak moduli and exponents, other key types, certificates,
 * private keys, text around the block.
 *
 * @throws SecurityError `ERR_KEY_INVALID`, `ERR_KEY_TYPE`, `ERR_KEY_WEAK`, `ERR_KEY_LIMIT`
 */
export async function importPublicKey(
  pem: string,
  options: ImportPublicKeyOptions = {},
): Promise<PublicKey> {
  const { label, der } = decodePem(pem)
  if (label !== 'PUBLIC KEY') throw wrongLabel(label, 'public')
  return defaultSuite.importPublicKey(der, {
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
 */
export async function importPrivateKey(
  pem: string,
  options: ImportPrivateKeyOptions = {},
): Promise<KeyPair> {
  const pkcs8 = await readPkcs8(pem, options.password)
  try {
    const pair = await defaultSuite.importPrivateKey(pkcs8, {
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
  // Loaded by those who have such a key: it is nearly half of this package's code.
  const { decryptPkcs8, pkcs8FromPkcs1 } = await import('./private-key-formats.js')
  if (label === 'ENCRYPTED PRIVATE KEY') return decryptPkcs8(der, password)
  refusePassword(password)
  const pkcs8 = pkcs8FromPkcs1(der)
  zeroize(der)
  return pkcs8
}

/** Somebody who gives a password believes that the file is protected; it is not. */
function refusePassword(password: string | undefined): void {
  if (password === undefined) return
  throw new SecurityError(
    'ERR_KEY_PASSWORD',
    'A password was given, but the key is not an ENCRYPTED PRIVATE KEY. Leave it out, or encrypt the key: ' +
      'openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000. importLegacyPrivateKey reads those of nomyo-js 0.1.',
  )
}

async function checkBelongsTogether(pair: KeyPair, publicKeyPem: string): Promise<void> {
  const publicKey = await importPublicKey(publicKeyPem, { minBits: LEAST_BITS })
  if (publicKey.fingerprint === pair.publicKey.fingerprint) return
  throw new SecurityError(
    'ERR_KEY_MISMATCH',
    'The public key does not belong to the private key. Leave it out: it is derived.',
  )
}

const KNOWN_LABEL =
  /^(?:PUBLIC KEY|(?:(?:ENCRYPTED|RSA|EC|DSA|OPENSSH) )?PRIVATE KEY|CERTIFICATE(?: REQUEST)?)$/

function wrongLabel(label: string, wanted: 'public' | 'private'): SecurityError {
  if (!KNOWN_LABEL.test(label)) {
    return new SecurityError(
      'ERR_KEY_INVALID',
      wanted === 'public'
        ? 'The PEM label is not supported; expected PUBLIC KEY. Convert a PKCS#1 key with: ' +
            'openssl rsa -RSAPublicKey_in -pubout.'
        : 'The PEM label is not supported; expected PRIVATE KEY or ENCRYPTED PRIVATE KEY.',
    )
  }
  return new SecurityError(
    'ERR_KEY_TYPE',
    `Expected a ${wanted} RSA key, got a PEM block labelled ${label}.`,
  )
}
