import { platform } from '#crypto-platform'
import { requireArgument } from '../arguments.js'
import { type Bytes, ownBytes, zeroize } from '../bytes/bytes.js'
import { SecurityError } from '../errors.js'
import type {
  OpenOptions,
  OpenedEnvelope,
  PrivateKey,
  PublicKey,
  SealOptions,
  Suite,
} from '../suite.js'
import { ALGORITHM, WIRE_V1, beginEnvelope } from './format.js'
import { parseEnvelope } from './parse.js'
import {
  generateRsaKeyPair,
  importRsaPublicKey,
  type RsaPrivateKey,
  type RsaPublicKey,
} from './rsa-keys.js'

/**
 * Wire v1.0: a fresh AES-256-GCM key per envelope, wrapped with RSA-OAEP (SHA-256), as JSON.
 * Nothing binds an envelope to its headers or to the request it answers; that is left to the layers
 * above.
 */
export const wireV1: Suite = {
  algorithm: ALGORITHM,
  generateKeyPair: (use) => generateRsaKeyPair(wireV1, use),
  importPublicKey: (spkiDer, { minBits }) => importRsaPublicKey(wireV1, spkiDer, minBits),
  importPrivateKey: async (pkcs8Der, options) =>
    (await import('./rsa-pkcs8.js')).importRsaPrivateKey(wireV1, pkcs8Der, options),
  seal,
  open,
}

async function seal(
  plaintext: Uint8Array,
  recipient: PublicKey,
  options: SealOptions,
): Promise<Bytes> {
  const key = ofThisSuite<RsaPublicKey>(recipient, 'wrap')
  const { processedAt } = options
  requireArgument(
    processedAt === undefined || Number.isFinite(processedAt),
    'processedAt must be a number',
  )
  // One call for both: the call takes longer than the generation.
  const random = crypto.getRandomValues(new Uint8Array(WIRE_V1.aesKeyBytes + WIRE_V1.nonceBytes))
  const aesKey = random.subarray(0, WIRE_V1.aesKeyBytes)
  const nonce = random.subarray(WIRE_V1.aesKeyBytes)
  try {
    const envelope = beginEnvelope({
      ciphertextBytes: plaintext.length,
      nonce,
      wrappedKey: await key.wrap(aesKey),
      processedAt: processedAt ?? null,
      tagIsAppended: options.appendTag === true,
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
  const envelope = await parseEnvelope(body, options)
  const { ciphertextAndTag, nonce, wrappedKey, processedAt, tagIsAppended } = envelope
  const untried = keys
    .map((key) => ofThisSuite<RsaPrivateKey>(key, 'unwrap'))
    .filter(({ wrappedBytes }) => wrappedBytes === wrappedKey.length)
  if (untried.length === 0) {
    throw new SecurityError('ERR_ENVELOPE_INVALID', 'The envelope is for a key of another size.')
  }
  let aesKey: Bytes | undefined
  for (let key; aesKey === undefined && (key = untried.shift()) !== undefined;) {
    const unwrapped = await key.unwrap(wrappedKey)
    if (unwrapped?.length === WIRE_V1.aesKeyBytes) aesKey = unwrapped
    else zeroize(unwrapped)
  }
  try {
    // A failed unwrapping continues with a random key: it ends in the same error, at the same place,
    // after the same work as a wrong tag.
    const plaintext = await platform.decryptAesGcm(
      ciphertextAndTag,
      aesKey ?? crypto.getRandomValues(new Uint8Array(WIRE_V1.aesKeyBytes)),
      nonce,
    )
    if (aesKey === undefined || plaintext === undefined) {
      // One operation less would distinguish a wrong tag under the first key from no matching key.
      for (const key of untried) zeroize(await key.unwrap(wrappedKey))
      throw new SecurityError('ERR_DECRYPTION_FAILED', 'The envelope could not be decrypted.')
    }
    return {
      plaintext,
      processedAt,
      algorithm: WIRE_V1.algorithm,
      // An altered OAEP ciphertext is invalid, so the wrapped key alone identifies a sealing.
      replayId: platform.encodeBase64(await platform.sha256(wrappedKey)),
      tagIsAppended,
    }
  } finally {
    zeroize(aesKey)
  }
}

/** Keys are recognized by their operation: another copy of this module has classes of its own. */
function ofThisSuite<K>(key: PublicKey | PrivateKey, operation: keyof K & string): K {
  if (operation in key) return key as K
  throw new SecurityError('ERR_KEY_TYPE', 'The key belongs to another suite.')
}
