import { scryptAsync } from '@noble/hashes/scrypt.js'
import { DerReader, TAG } from '../bytes/der.js'
import { derNull, derOid, derUnsignedInteger, derValue, smallInteger } from '../bytes/der-values.js'
import { type Bytes, ownBytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import { OID } from './oids.js'
import { ENCRYPT_COMMAND } from './refusals.js'

/** The number that OWASP recommends for PBKDF2-HMAC-SHA256; OpenSSL and Python read it too. */
const WRITTEN_ITERATIONS = 600_000
const SALT_BYTES = 16
const IV_BYTES = 16
/** The most that a hostile key file may cost: about five seconds, and 256 MiB. */
const MAX_ITERATIONS = 10_000_000
/** Bytes that all runs fill together: runs are sequential, so each costs time. */
const MAX_SCRYPT_BYTES = 256 * 1024 * 1024
/** Block size times runs: derived in one step, which blocks the event loop. */
const MAX_SCRYPT_BLOCKS = 1024

/** Receives notices. */
type OnWarning = ((message: string) => void) | undefined

/** A function that derives the AES key from a password with the parameters of the file. */
type DeriveKey = (password: Bytes, keyBytes: number) => Promise<Bytes>

/**
 * Decrypts an EncryptedPrivateKeyInfo: PBES2 (RFC 8018) with PBKDF2-HMAC-SHA-256/384/512 or scrypt
 * (RFC 7914), and AES-CBC. PBKDF2-HMAC-SHA-1, the default of older tools, is read with a notice and
 * never written.
 *
 * A wrong password results in broken padding or, once in 256 times, in garbage; both are
 * `ERR_KEY_PASSWORD`.
 *
 * @returns DER PKCS#8; the caller zeroes it
 * @throws SecurityError `ERR_KEY_PASSWORD`, `ERR_KEY_INVALID`, `ERR_KEY_LIMIT`
 */
export async function decryptPkcs8(
  der: Uint8Array,
  password: string | undefined,
  onWarning?: OnWarning,
): Promise<Bytes> {
  const { deriveKey, cipher, ciphertext } = parseEncryptedInfo(der, onWarning)
  if (password === undefined) {
    throw new SecurityError(
      'ERR_KEY_PASSWORD',
      'The private key is encrypted; its password is missing.',
    )
  }
  const passwordBytes = new TextEncoder().encode(password)
  const key = await deriveKey(passwordBytes, cipher.keyBytes)
  try {
    const pkcs8 = new Uint8Array(await decryptCbc(key, cipher.iv, ciphertext))
    if (pkcs8Algorithm(pkcs8) !== undefined) return pkcs8
    zeroize(pkcs8)
  } catch {
    // Broken padding: the same error as for garbage, below.
  } finally {
    zeroize(key, passwordBytes)
  }
  throw wrongPassword()
}

/**
 * Encrypts a DER PKCS#8 into an EncryptedPrivateKeyInfo: PBES2, PBKDF2-HMAC-SHA256 with 600,000
 * rounds, AES-256-CBC. OpenSSL and Python's cryptography read it.
 *
 * @throws SecurityError `ERR_KEY_PASSWORD` for an empty password
 */
export async function encryptPkcs8(pkcs8: Uint8Array, password: string): Promise<Bytes> {
  if (password === '') {
    throw new SecurityError('ERR_KEY_PASSWORD', 'The password for the private key is empty.')
  }
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const passwordBytes = new TextEncoder().encode(password)
  const key = await pbkdf2(passwordBytes, salt, WRITTEN_ITERATIONS, 'SHA-256', 32)
  zeroize(passwordBytes)
  const aesKey = await crypto.subtle.importKey('raw', key, 'AES-CBC', false, ['encrypt'])
  zeroize(key)
  const ciphertext = await crypto.subtle.encrypt({ name: 'AES-CBC', iv }, aesKey, ownBytes(pkcs8))
  const kdf = derValue(
    TAG.sequence,
    derOid(OID.pbkdf2),
    derValue(
      TAG.sequence,
      derValue(TAG.octetString, salt),
      derSmallInteger(WRITTEN_ITERATIONS),
      derValue(TAG.sequence, derOid(OID.hmacSha256), derNull()),
    ),
  )
  const encryption = derValue(TAG.sequence, derOid(OID.aes256Cbc), derValue(TAG.octetString, iv))
  return derValue(
    TAG.sequence,
    derValue(TAG.sequence, derOid(OID.pbes2), derValue(TAG.sequence, kdf, encryption)),
    derValue(TAG.octetString, new Uint8Array(ciphertext)),
  )
}

/** Writes a DER INTEGER from a number of 0 to 2^31 - 1. */
export function derSmallInteger(value: number): Bytes {
  const bytes = Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
  const firstUsed = bytes.findIndex((byte) => byte !== 0)
  return derUnsignedInteger(bytes.subarray(firstUsed === -1 ? 3 : firstUsed))
}

/** PBKDF2 by the platform; also used for the legacy format. */
export async function pbkdf2(
  password: Bytes,
  salt: Uint8Array,
  iterations: number,
  hash: string,
  keyBytes: number,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
  const parameters = { name: 'PBKDF2', salt: ownBytes(salt), iterations, hash }
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, keyBytes * 8))
}

/** AES-CBC with PKCS#7 padding; rejects when the padding is broken. */
export async function decryptCbc(
  key: Bytes,
  iv: Uint8Array,
  ciphertext: Uint8Array,
): Promise<ArrayBuffer> {
  const aesKey = await crypto.subtle.importKey('raw', key, 'AES-CBC', false, ['decrypt'])
  return crypto.subtle.decrypt({ name: 'AES-CBC', iv: ownBytes(iv) }, aesKey, ownBytes(ciphertext))
}

/** Returns the algorithm of bytes that have the structure of PKCS#8, which the import checks; undefined for others. */
export function pkcs8Algorithm(der: Uint8Array): string | undefined {
  try {
    const document = new DerReader(der)
    const info = document.sequence()
    document.end()
    smallInteger(info)
    const algorithm = info.sequence().oid()
    info.read(TAG.octetString)
    return algorithm
  } catch {
    return undefined
  }
}

/** The one error for all effects of a wrong password. */
export function wrongPassword(): SecurityError {
  return new SecurityError(
    'ERR_KEY_PASSWORD',
    'The private key cannot be decrypted with this password.',
  )
}

interface EncryptedInfo {
  deriveKey: DeriveKey
  cipher: { iv: Uint8Array; keyBytes: number }
  ciphertext: Uint8Array
}

function parseEncryptedInfo(der: Uint8Array, onWarning: OnWarning): EncryptedInfo {
  const document = new DerReader(der)
  const info = document.sequence()
  document.end()
  const algorithm = info.sequence()
  const ciphertext = info.read(TAG.octetString)
  info.end()
  if (algorithm.oid() !== OID.pbes2) throw unsupported()
  const parameters = algorithm.sequence()
  algorithm.end()
  const deriveKey = parseKdf(parameters.sequence(), onWarning)
  const cipher = parseCipher(parameters.sequence())
  parameters.end()
  return { deriveKey, cipher, ciphertext }
}

function parseKdf(kdf: DerReader, onWarning: OnWarning): DeriveKey {
  const oid = kdf.oid()
  const parameters = kdf.sequence()
  kdf.end()
  if (oid === OID.pbkdf2) return parsePbkdf2(parameters, onWarning)
  if (oid === OID.scrypt) return parseScrypt(parameters)
  throw unsupported()
}

/** RFC 8018 appendix A.2. */
function parsePbkdf2(parameters: DerReader, onWarning: OnWarning): DeriveKey {
  const salt = parameters.read(TAG.octetString)
  const iterations = smallInteger(parameters)
  const statedBytes = parameters.nextIs(TAG.integer) ? smallInteger(parameters) : undefined
  // DER omits the default.
  const hash = PRF_HASHES[parameters.atEnd ? OID.hmacSha1 : parameters.sequence().oid()]
  parameters.end()
  if (hash === undefined) throw unsupported()
  if (iterations < 1 || iterations > MAX_ITERATIONS) throw tooCostly()
  return (password, keyBytes) => {
    checkKeyLength(statedBytes, keyBytes)
    if (hash === 'SHA-1') {
      onWarning?.(
        `The private key is encrypted with PBKDF2-HMAC-SHA1; renew it: ${ENCRYPT_COMMAND}.`,
      )
    }
    return pbkdf2(password, salt, iterations, hash, keyBytes)
  }
}

/** RFC 7914 section 7. */
function parseScrypt(parameters: DerReader): DeriveKey {
  const salt = parameters.read(TAG.octetString)
  const cost = smallInteger(parameters)
  const blockSize = smallInteger(parameters)
  const parallel = smallInteger(parameters)
  const statedBytes = parameters.nextIs(TAG.integer) ? smallInteger(parameters) : undefined
  parameters.end()
  if (cost < 2 || (cost & (cost - 1)) !== 0 || blockSize < 1 || parallel < 1) throw unsupported()
  const blocks = blockSize * parallel
  if (128 * cost * blocks > MAX_SCRYPT_BYTES || blocks > MAX_SCRYPT_BLOCKS) throw tooCostly()
  return async (password, keyBytes) => {
    checkKeyLength(statedBytes, keyBytes)
    const scryptParameters = { N: cost, r: blockSize, p: parallel, dkLen: keyBytes }
    return ownBytes(await scryptAsync(password, salt, scryptParameters))
  }
}

function parseCipher(encryption: DerReader): { iv: Uint8Array; keyBytes: number } {
  const keyBytes = CIPHER_KEY_BYTES[encryption.oid()]
  if (keyBytes === undefined) throw unsupported()
  const iv = encryption.read(TAG.octetString)
  encryption.end()
  if (iv.length !== IV_BYTES) throw unsupported()
  return { iv, keyBytes }
}

const PRF_HASHES: Readonly<Record<string, string>> = {
  [OID.hmacSha1]: 'SHA-1',
  [OID.hmacSha256]: 'SHA-256',
  [OID.hmacSha384]: 'SHA-384',
  [OID.hmacSha512]: 'SHA-512',
}

const CIPHER_KEY_BYTES: Readonly<Record<string, number>> = {
  [OID.aes128Cbc]: 16,
  [OID.aes192Cbc]: 24,
  [OID.aes256Cbc]: 32,
}

function checkKeyLength(stated: number | undefined, needed: number): void {
  if (stated !== undefined && stated !== needed) throw unsupported()
}

function unsupported(): SecurityError {
  return new SecurityError(
    'ERR_KEY_INVALID',
    `The encryption of the private key is not supported. Encrypt the key again: ${ENCRYPT_COMMAND}.`,
  )
}

function tooCostly(): SecurityError {
  return new SecurityError(
    'ERR_KEY_LIMIT',
    'The private key takes more work to decrypt than any legitimate one.',
  )
}
