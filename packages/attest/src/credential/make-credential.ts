import { requireBytes } from '../arguments.js'
import { PolicyError } from '../attest-error.js'
import { encodeBase64Url } from '../bytes/base64.js'
import { concat, u16, u32, type Bytes } from '../bytes/bytes.js'
import { webCryptoHash } from '../bytes/digest.js'
import { HASHES, type HashName } from '../structures/constants.js'
import type { TpmtPublic } from '../structures/public.js'
import { checkedName } from '../trust/checked-name.js'
import { checkedEk, maxSecretBytes, type EndorsementKey } from './endorsement-key.js'

/** Input of TPM2_ActivateCredential. */
export interface CredentialBlob {
  /** TPM2B_ID_OBJECT. */
  readonly idObject: Bytes
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Bytes
}

/** Shorter secrets can be guessed. */
export const MIN_SECRET_BYTES = 16

/**
 * Encrypts a secret so that only the TPM with this endorsement key releases it, and only while it
 * holds a key with this Name (Part 1, 24; TPM2_MakeCredential without a TPM).
 *
 * Send the blob to the machine, and have it return the output of TPM2_ActivateCredential: `activatedAk`
 * makes a trust anchor of the right one. An activated AK still has to be restricted to signing and fixed
 * to its TPM: appraisals check that.
 *
 * @param ek - an RSA endorsement key; an `EkAnchor` endorses it as one of a genuine TPM
 * @param akName - TPM Name of the attestation key
 * @param secret - 16 bytes up to the size of the EK's Name hash, from a CSPRNG, for this one credential
 * @throws PolicyError `ERR_POLICY_INVALID` for any other EK, Name or secret
 * @example
 * ```ts
 * import { makeCredential } from '@nomyo/attest/credential'
 * import { parsePublic } from '@nomyo/attest/structures'
 *
 * declare const ekPublic: Uint8Array, akName: Uint8Array
 *
 * const secret = crypto.getRandomValues(new Uint8Array(32))
 * const { idObject, encryptedSecret } = await makeCredential(parsePublic(ekPublic), akName, secret)
 * ```
 */
export async function makeCredential(
  ek: TpmtPublic,
  akName: Uint8Array,
  secret: Uint8Array,
): Promise<CredentialBlob> {
  const endorsementKey = checkedEk(ek)
  const seed = crypto.getRandomValues(new Uint8Array(maxSecretBytes(endorsementKey)))
  return encryptCredential(endorsementKey, akName, secret, seed)
}

/** Encrypts as {@link makeCredential} does, with a given seed, for known-answer tests. */
export async function encryptCredential(
  endorsementKey: EndorsementKey,
  akName: Uint8Array,
  secret: Uint8Array,
  seed: Bytes,
): Promise<CredentialBlob> {
  const { key, nameHash, aesBits } = endorsementKey
  const name = checkedName(akName, 'the Name of the AK')
  requireBytes(secret, 'the secret')
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

/** Encrypts with RSA-OAEP, the Name hash and the label "IDENTITY" with its zero byte (Part 1, Annex B). */
async function encryptSeed(modulus: Bytes, hash: HashName, seed: Bytes): Promise<Bytes> {
  const n = encodeBase64Url(modulus)
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
 * Derives a key with KDFa (Part 1, 11.4.10.2): SP 800-108 in counter mode with HMAC. One block is enough:
 * no key here is longer than the hash.
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
    u32(1),
    new TextEncoder().encode(`${label}\0`),
    context,
    u32(bits),
  )
  return block.slice(0, bits / 8)
}

async function hmac(hash: HashName, key: Bytes, ...pieces: Uint8Array[]): Promise<Bytes> {
  const algorithm = { name: 'HMAC', hash: webCryptoHash[hash] }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, concat(...pieces)))
}

/**
 * Encrypts with AES in CFB mode and IV 0. WebCrypto lacks CFB, but each of its blocks is one of CTR mode
 * whose counter is the previous ciphertext block.
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

/** Marshals a TPM2B of pieces. */
function sized(...pieces: Uint8Array[]): Bytes {
  const content = concat(...pieces)
  return concat(u16(content.length), content)
}
