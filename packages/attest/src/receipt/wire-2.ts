import { ReceiptError } from '../attest-error.js'
import { decodeBase64, encodeBase64 } from '../bytes/base64.js'
import { concat, type Bytes } from '../bytes/bytes.js'
import { digest } from '../bytes/digest.js'
import { toHex } from '../bytes/hex.js'
import { hasExactly, isRecord, jsonFlaw, parseJsonObject } from '../bytes/json.js'
import type { Receipt, Wire2Facts } from './receipt.js'

const MAX_STATEMENT_BYTES = 8 * 1024
const MAX_SIGNATURES = 8
/** Twice the length of the largest known encapsulated secret. */
const MAX_ENC_BYTES = 2240
const SIGNATURE_BYTES = 64
/** The DER of the SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), in hex, before the key itself. */
const ED25519_PREFIX = '302a300506032b6570032100'
const ED25519_BYTES = 32
/** Begins the signed bytes of a key statement. */
const SIGNED_LABEL = 'nomyo wire 2 key statement\0'

/** Tests the form of the facts about an exchange over wire 2. */
export function isWire2Facts(value: unknown): value is Wire2Facts {
  return (
    hasExactly(value, ['version', 'statement', 'signatures', 'enc', 'evidence']) &&
    value['version'] === 2 &&
    isBase64(value['statement'], 1, MAX_STATEMENT_BYTES) &&
    isBase64(value['enc'], 1, MAX_ENC_BYTES) &&
    isStatementEvidence(value['evidence']) &&
    Array.isArray(value['signatures']) &&
    value['signatures'].length > 0 &&
    value['signatures'].length <= MAX_SIGNATURES &&
    value['signatures'].every(isSignature)
  )
}

function isSignature(value: unknown): boolean {
  return (
    hasExactly(value, ['identity', 'signature']) &&
    isBase64(value['identity'], 1, 256) &&
    isBase64(value['signature'], 1, 256)
  )
}

function isStatementEvidence(value: unknown): boolean {
  if (value === null) return true
  return (
    hasExactly(value, ['nonce', 'evidence']) &&
    isBase64(value['nonce'], 0, 256) &&
    isRecord(value['evidence'])
  )
}

function isBase64(value: unknown, least: number, most: number): boolean {
  // The length first: an attacker chose it.
  if (typeof value !== 'string' || value.length > 2 * most) return false
  const bytes = decodeBase64(value)
  return bytes !== undefined && bytes.length >= least && bytes.length <= most
}

/**
 * Verifies that the identity that the receipt names signed its key statement.
 *
 * @returns the bytes of the statement
 * @throws ReceiptError `ERR_RECEIPT_INVALID`
 */
export async function signedStatement(
  { statement, signatures, evidence }: Wire2Facts,
  { serverKey }: Pick<Receipt, 'serverKey'>,
): Promise<Bytes> {
  const bytes = decodeBase64(statement)
  if (bytes === undefined) throw new ReceiptError('"wire.statement" of the receipt is not base64')
  if (!allowsIdentity(bytes, serverKey, evidence !== null)) throw contradiction()
  for (const { identity, signature } of signatures) {
    const [key, proof] = [identity, signature].map(decodeBase64)
    if (key === undefined || proof === undefined) continue
    if (`sha256/${encodeBase64(await digest('sha256', key))}` !== serverKey) continue
    if (await isSigned(bytes, key, proof)) return bytes
  }
  throw contradiction()
}

/**
 * Tests whether a statement allows this identity: any key can sign the statement of another gateway. One
 * that names no identity is as good as its signature, and a quote over it says nothing about the signer.
 */
function allowsIdentity(statement: Bytes, identity: string, mustName: boolean): boolean {
  const text = new TextDecoder().decode(statement)
  const members = parseJsonObject(text)
  if (members === undefined || jsonFlaw(text) !== undefined) return false
  const { identities } = members
  if (identities === undefined) return !mustName
  return Array.isArray(identities) && identities.includes(identity)
}

const contradiction = (): ReceiptError =>
  new ReceiptError('the identity of the receipt did not sign its key statement')

async function isSigned(statement: Bytes, key: Bytes, signature: Bytes): Promise<boolean> {
  const prefix = toHex(key.subarray(0, -ED25519_BYTES))
  if (prefix !== ED25519_PREFIX || signature.length !== SIGNATURE_BYTES) return false
  const signed = concat(new TextEncoder().encode(SIGNED_LABEL), statement)
  try {
    const imported = await crypto.subtle.importKey('spki', key, 'Ed25519', false, ['verify'])
    return await crypto.subtle.verify('Ed25519', imported, signature, signed)
  } catch {
    // A platform that cannot import the key has verified nothing.
    return false
  }
}
