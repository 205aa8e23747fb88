import { encodeBase64Url } from '../bytes/base64.js'
import { webCryptoHash } from '../bytes/digest.js'
import type { ParsedEvidence } from '../evidence/parsed-evidence.js'
import { fail, pass, skip, type Verdict } from '../result/verdict.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { curveOf, isOnCurve } from '../structures/curves.js'
import type { EccPublic, RsaPublic, TpmtPublic } from '../structures/public.js'
import type { TpmtSignature } from '../structures/signature.js'
import { rsaStrength } from './ak-strength.js'
import { unreadable } from './evidence.js'

/** Verifies the signature of the key over the bytes of the quote exactly as received. */
export async function checkSignatureValid({
  quote,
  signature,
  ak,
}: ParsedEvidence): Promise<Verdict> {
  if (quote.value === undefined) return unreadable('quote')
  if (signature.value === undefined) return unreadable('signature')
  if (ak.value === undefined) return unreadable('attestation key')
  return verifySignature(ak.value.publicArea, signature.value, quote.value.signedBytes)
}

/** Verifies a TPMT_SIGNATURE over bytes. Never tries a scheme or hash other than the one it names. */
export async function verifySignature(
  key: TpmtPublic,
  signature: TpmtSignature,
  signedBytes: Uint8Array<ArrayBuffer>,
): Promise<Verdict> {
  if (key.type === 'RSA' && rsaStrength(key).status === 'fail') {
    return skip('AK_WEAK', 'the key is too weak for its signatures to prove anything')
  }
  return (await isValid(key, signature, signedBytes))
    ? pass('SIGNATURE_VALID', 'the signature of the transmitted key verifies')
    : fail('SIGNATURE_INVALID', 'the signature of the transmitted key does not verify')
}

async function isValid(
  key: TpmtPublic,
  signature: TpmtSignature,
  signedBytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const { hash } = signature
  if (hash === undefined) return false
  try {
    if (key.type === 'ECC' && signature.scheme === 'ECDSA') {
      return await verifyEcdsa(key, signature, hash, signedBytes)
    }
    if (key.type === 'RSA' && signature.scheme !== 'ECDSA') {
      return await verifyRsa(key, signature, hash, signedBytes)
    }
    return false
  } catch {
    // A platform that cannot import the key, or lacks the algorithm, has verified nothing.
    return false
  }
}

async function verifyEcdsa(
  key: EccPublic,
  signature: { readonly r: Uint8Array; readonly s: Uint8Array },
  hash: HashName,
  signedBytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const curve = curveOf(key.curveId)
  if (curve === undefined || !isOnCurve(curve, key.x, key.y)) return false
  const point = fixedWidth(curve.size, Uint8Array.of(4), key.x, key.y)
  const raw = fixedWidth(curve.size, new Uint8Array(), signature.r, signature.s)
  if (point === undefined || raw === undefined) return false
  const imported = await crypto.subtle.importKey(
    'raw',
    point,
    { name: 'ECDSA', namedCurve: curve.name },
    false,
    ['verify'],
  )
  const algorithm = { name: 'ECDSA', hash: webCryptoHash[hash] }
  return crypto.subtle.verify(algorithm, imported, raw, signedBytes)
}

async function verifyRsa(
  key: RsaPublic,
  { scheme, signature }: { readonly scheme: string; readonly signature: Uint8Array<ArrayBuffer> },
  hash: HashName,
  signedBytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const name = scheme === 'RSASSA' ? 'RSASSA-PKCS1-v1_5' : 'RSA-PSS'
  const imported = await crypto.subtle.importKey(
    'jwk',
    { kty: 'RSA', n: encodeBase64Url(key.modulus), e: 'AQAB' },
    { name, hash: webCryptoHash[hash] },
    false,
    ['verify'],
  )
  if (scheme === 'RSASSA') return crypto.subtle.verify(name, imported, signature, signedBytes)
  // The salt has the length of the digest; older TPMs use the longest that fits (Part 1, B.7).
  const digestLength = HASHES[hash].size
  for (const saltLength of [digestLength, key.keyBits / 8 - digestLength - 2]) {
    if (await crypto.subtle.verify({ name, saltLength }, imported, signature, signedBytes)) {
      return true
    }
  }
  return false
}

/** Concatenates numbers of `size` bytes each; TPMs may strip or keep leading zeros. */
function fixedWidth(
  size: number,
  prefix: Uint8Array,
  ...numbers: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> | undefined {
  const joined = new Uint8Array(prefix.length + numbers.length * size)
  joined.set(prefix)
  let end = prefix.length
  for (const number of numbers) {
    end += size
    const digits = number.subarray(number.findIndex((byte) => byte !== 0))
    if (!number.some((byte) => byte !== 0) || digits.length > size) return undefined
    joined.set(digits, end - digits.length)
  }
  return joined
}
