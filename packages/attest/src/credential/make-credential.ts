import { encodeBase64 } from '../bytes/base64.js'
import { concat, webCryptoHash } from '../bytes/digest.js'
import type { Bytes } from '../bytes/types.js'
import { PolicyError } from '../errors.js'
import { HASHES, type HashName } from '../structures/constants.js'
import type { TpmtPublic } from '../structures/public.js'
import { checkedEk, maxSecretBytes, type EndorsementKey } from './endorsement-key.js'
import { checkedName } from './names.js'

/** What TPM2_ActivateCredential takes. */
export interface CredentialBlob {
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Bytes
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Bytes
}

/** Shorter ones can be guessed. */
export const MIN_SECRET_BYTES = 16

/**
 * Encrypts a secret so that only the TPM with this endorsement key gives it out, and only while it
 * holds a key with this Name (Part 1, 24; what TPM2_MakeCredential does, without a TPM).
 *
 * Send the blob to the machine, and let it answer with what its TPM2_ActivateCredential gave:
 * `activatedAk` makes an anchor of the right answer. An AK whose public area does not say that it is
 * restricted to signing and fixed to its TPM is worth nothing activated either: appraisals judge that.
 *
 * @param ek - an RSA endorsement key; whether it is one of a genuine TPM is for an `EkAnchor` to say
 * @param akName - TPM Name of the attestation key
 * @param secret - 16 bytes up to the size of the EK's Name hash, from a CSPRNG, for this one credential
 * @throws PolicyError `ERR_POLICY_INVALID` for an EK, Name or secret that is not like this
 */
export async function makeCredential(
  ek: TpmtPublic,
  akName: Uint8Array,
  secret: Uint8Array,
): Promise<CredentialBlob> {
  const endorsementKey = checkedEk(ek)
  const seed = crypto.getRandomValues(new Uint8Array(maxSecretBytes(endorsementKey)))
  return sealCredential(endorsementKey, akName, secret, seed)
}

/** {@link makeCredential} with a given seed, for known answers. */
export async function sealCredential(
  endorsementKey: EndorsementKey,
  akName: Uint8Array,
  secret: Uint8Array,
  seed: Bytes,
): Promise<CredentialBlob> {
  const { key, nameHash, aesBits } = endorsementKey
  const name = checkedName(akName, 'the Name of an AK')
  const max = maxSecretBytes(endorsementKey)
  if (secret.length < MIN_SECRET_BYTES || secret.length > max) {
    throw new PolicyError(
      `the secret has ${secret.length} bytes, not ${MIN_SECRET_BYTES} to ${max}`,
    )
  }
  const storageKey = await kdfa(nameHash, seed, 'STORAGE', name, aesBits)
  const integrityKey = await kdfa(
    nameHash,
    seed,
    'INTEGRITY',
    new Uint8Array(),
    HASHES[nameHash].size * 8,
  )
  const identity = await encryptCfb(storageKey, sized(secret))
  const integrity = await hmac(nameHash, integrityKey, identity, name)
  return {
    idObject: sized(sized(integrity), identity),
    encryptedSecret: sized(await encryptSeed(key.modulus, nameHash, seed)),
  }
}

/** RSA-OAEP with the Name hash and the label "IDENTITY" with its zero byte (Part 1, Annex B). */
async function encryptSeed(modulus: Bytes, hash: HashName, seed: Bytes): Promise<Bytes> {
  const n = encodeBase64(modulus).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  const key = await crypto.subtle.importKey(
    'jwk',
    { kty: 'RSA', n, e: 'AQAB' },
    { name: 'RSA-OAEP', hash: webCryptoHash[hash] },
    false,
    ['encrypt'],
  )
  const label = new TextEncoder().encode('IDENTITY\0')
  return new Uint8Array(await crypto.subtle.encrypt({ name: 'RSA-OAEP', label }, key, seed))
}

/**
 * KDFa (Part 1, 11.4.10.2): SP 800-108 in counter mode with HMAC. One block of it, which is enough
 * for what is derived here: no key is longer than the hash.
 */
async function kdfa(
  hash: HashName,
  key: Bytes,
  label: string,
  context: Uint8Array,
  bits: number,
): Promise<Bytes> {
  const block = await hmac(
    hash,
    key,
    Uint8Array.of(0, 0, 0, 1),
    new TextEncoder().encode(`${label}\0`),
    context,
    Uint8Array.of(0, 0, bits >> 8, bits),
  )
  return block.slice(0, bits / 8)
}

async function hmac(hash: HashName, key: Bytes, ...pieces: Uint8Array[]): Promise<Bytes> {
  const algorithm = { name: 'HMAC', hash: webCryptoHash[hash] }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, concat(...pieces)))
}

/**
 * AES in CFB mode with IV 0. WebCrypto has no CFB, but a block of it is one of CTR mode whose counter
 * is the ciphertext block before it.
 */
async function encryptCfb(key: Bytes, plaintext: Uint8Array): Promise<Bytes> {
  const imported = await crypto.subtle.importKey('raw', key, 'AES-CTR', false, ['encrypt'])
  const blocks: Bytes[] = [new Uint8Array(16)]
  for (let offset = 0; offset < plaintext.length; offset += 16) {
    const counter = blocks.at(-1) ?? new Uint8Array(16)
    const algorithm = { name: 'AES-CTR', counter, length: 128 }
    const block = concat(plaintext.subarray(offset, offset + 16))
    blocks.push(new Uint8Array(await crypto.subtle.encrypt(algorithm, imported, block)))
  }
  return concat(...blocks.slice(1))
}

/** A TPM2B of pieces. */
function sized(...pieces: Uint8Array[]): Bytes {
  const content = concat(...pieces)
  return concat(Uint8Array.of(content.length >> 8, content.length), content)
}
