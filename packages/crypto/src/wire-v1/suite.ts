import { platform } from '#crypto-platform'
import { ownBytes, type Bytes } from '../bytes/types.js'
import { zeroize } from '../bytes/zeroize.js'
import { SecurityError } from '../errors.js'
import type {
  OpenOptions,
  OpenedEnvelope,
  PrivateKey,
  PublicKey,
  SealOptions,
  Suite,
} from '../suite.js'
import { WIRE_V1, beginEnvelope } from './format.js'
import { parseEnvelope } from './parse.js'
import {
  generateRsaKeyPair,
  importRsaPrivateKey,
  importRsaPublicKey,
  type RsaPrivateKey,
  type RsaPublicKey,
} from './rsa-keys.js'

/**
 * Wire v1.0: a fresh AES-256-GCM key per envelope, wrapped with RSA-OAEP (SHA-256), as JSON.
 * Nothing binds an envelope to its headers or to the request it answers; the layers above add
 * what they can.
 */
export const wireV1: Suite = {
  algorithm: WIRE_V1.algorithm,
  generateKeyPair: (use) => generateRsaKeyPair(wireV1, use),
  importPublicKey: (spkiDer, { minBits }) => importRsaPublicKey(wireV1, spkiDer, minBits),
  importPrivateKey: (pkcs8Der, options) => importRsaPrivateKey(wireV1, pkcs8Der, options),
  seal,
  open,
}

async function seal(
  plaintext: Uint8Array,
  recipient: PublicKey,
  options: SealOptions,
): Promise<Bytes> {
  const key = rsaPublicKey(recipient)
  // Both at once: the way to the generator takes longer than what it gives.
  const random = crypto.getRandomValues(new Uint8Array(WIRE_V1.aesKeyBytes + WIRE_V1.nonceBytes))
  const aesKey = random.subarray(0, WIRE_V1.aesKeyBytes)
  const nonce = random.subarray(WIRE_V1.aesKeyBytes)
  try {
    const envelope = beginEnvelope({
      ciphertextBytes: plaintext.length,
      nonce,
      wrappedKey: await key.wrap(aesKey),
      processedAt: options.processedAt ?? null,
    })
    const tag = await platform.encryptAesGcm(ownBytes(plaintext), aesKey, nonce, (part) => {
      envelope.ciphertext(part)
    })
    return envelope.finish(tag)
  } finally {
    zeroize(random)
  }
}

async function open(
  body: Uint8Array,
  keys: readonly PrivateKey[],
  options: OpenOptions,
): Promise<OpenedEnvelope> {
  const { ciphertextAndTag, nonce, wrappedKey, processedAt } = parseEnvelope(body, options)
  const candidates = keys
    .map(rsaPrivateKey)
    .filter(({ wrappedBytes }) => wrappedBytes === wrappedKey.length)
  if (candidates.length === 0) {
    throw new SecurityError(
      'ERR_ENVELOPE_INVALID',
      'The envelope was sealed for a key of another size.',
    )
  }
  const { aesKey, untried } = await unwrapWithAny(candidates, wrappedKey)
  try {
    // A failed unwrapping goes on with a random key: it ends in the same error, at the same place,
    // after the same work as a wrong tag does.
    const plaintext = await platform.decryptAesGcm(
      ciphertextAndTag,
      aesKey ?? crypto.getRandomValues(new Uint8Array(WIRE_V1.aesKeyBytes)),
      nonce,
    )
    if (aesKey === undefined || plaintext === undefined) {
      // A wrong tag under the first key would otherwise be told from no key at all by one operation less.
      for (const key of untried) zeroize(await key.unwrap(wrappedKey))
      throw new SecurityError('ERR_DECRYPTION_FAILED', 'The envelope could not be opened.')
    }
    return {
      plaintext,
      processedAt,
      algorithm: WIRE_V1.algorithm,
      // OAEP ciphertexts cannot be altered and stay valid, so the wrapped key alone names a sealing.
      replayId: platform.encodeBase64(await platform.sha256(wrappedKey)),
    }
  } finally {
    zeroize(aesKey)
  }
}

/** Keys are told by what they can do: a class is another one in another copy of this module. */
function rsaPublicKey(key: PublicKey): RsaPublicKey {
  if ('wrap' in key) return key as RsaPublicKey
  throw wrongSuite()
}

function rsaPrivateKey(key: PrivateKey): RsaPrivateKey {
  if ('unwrap' in key) return key as RsaPrivateKey
  throw wrongSuite()
}

const wrongSuite = (): SecurityError =>
  new SecurityError('ERR_KEY_TYPE', 'The key belongs to another suite than wire v1.0.')

/** The wrapped AES key, if one of the keys opens it and it is an AES-256 key; and the keys not needed for that. */
async function unwrapWithAny(
  keys: readonly RsaPrivateKey[],
  wrappedKey: Bytes,
): Promise<{ aesKey: Bytes | undefined; untried: readonly RsaPrivateKey[] }> {
  for (const [at, key] of keys.entries()) {
    const unwrapped = await key.unwrap(wrappedKey)
    if (unwrapped?.length === WIRE_V1.aesKeyBytes) {
      return { aesKey: unwrapped, untried: keys.slice(at + 1) }
    }
    zeroize(unwrapped)
  }
  return { aesKey: undefined, untried: [] }
}
