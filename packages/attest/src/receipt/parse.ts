import { ReceiptError } from '../attest-error.js'
import { decodeBase64 } from '../bytes/base64.js'
import { hasExactly, isRecord, jsonFlaw, parseJsonObject } from '../bytes/json.js'
import { CHECK_IDS } from '../checks/checks.js'
import { SALT_BYTES, type SaltedDigest } from './digest.js'
import { RECEIPT_FORMAT, WIRE_2_RECEIPT_FORMAT, type Receipt } from './receipt.js'
import { isWire2Facts } from './wire-2.js'

/** A policy with certificate chains and two pieces of evidence need far less. */
const MAX_CHARACTERS = 4 * 1024 * 1024
const MAX_TEXT = 1024
const DIGEST_BYTES = 32
const TIERS = ['affirming', 'warning', 'none', 'contraindicated']
const TRUST = ['endorsed', 'pinned', 'unendorsed']
const STATUSES = ['pass', 'fail', 'warn', 'skip']

type Read = (value: unknown) => boolean

/** Members of a receipt. A missing, unknown or malformed one makes the receipt invalid. */
const MEMBERS: Readonly<Record<Exclude<keyof Receipt, 'wire'>, Read>> = {
  format: (value) => value === RECEIPT_FORMAT || value === WIRE_2_RECEIPT_FORMAT,
  createdAt: isTime,
  writtenBy: isText,
  payloadId: (value) => typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value),
  payloadIdMode: (value) => value === 'sha256',
  algorithm: isText,
  serverKey: (value) => typeof value === 'string' && /^sha256\/[A-Za-z0-9+/]{43}=$/.test(value),
  request: isDigest,
  answer: isDigest,
  // Not parsed here: the checks of the appraisal report its flaws.
  evidence: isObjectOrNull,
  keyEvidence: (value) =>
    value === null ||
    (hasExactly(value, ['spki', 'nonce', 'evidence']) &&
      isBase64(value['spki']) &&
      isBase64(value['nonce']) &&
      isObjectOrNull(value['evidence'])),
  policy: isObjectOrNull,
  result: (value) =>
    value === null ||
    (hasExactly(value, ['tier', 'trust', 'checks']) &&
      TIERS.includes(String(value['tier'])) &&
      TRUST.includes(String(value['trust'])) &&
      Array.isArray(value['checks']) &&
      value['checks'].length <= CHECK_IDS.length &&
      value['checks'].every(isCheck)),
}

/** Members of a receipt of wire 2. */
const WIRE_2_MEMBERS: Readonly<Record<string, Read>> = {
  ...MEMBERS,
  keyEvidence: (value) => value === null,
  wire: isWire2Facts,
}

/**
 * Parses a receipt, which may come from any source: checks its form and trusts none of its content.
 *
 * @throws ReceiptError `ERR_RECEIPT_INVALID`, naming the member
 */
export function parseReceipt(text: string): Receipt {
  const receipt = parseObject(text)
  const members = receipt['format'] === WIRE_2_RECEIPT_FORMAT ? WIRE_2_MEMBERS : MEMBERS
  const unknown = Object.keys(receipt).find((name) => !Object.hasOwn(members, name))
  if (unknown !== undefined) throw new ReceiptError('the receipt has an unknown member')
  for (const [name, isRight] of Object.entries(members)) {
    if (!Object.hasOwn(receipt, name) || !isRight(receipt[name])) {
      throw new ReceiptError(`"${name}" of the receipt is missing or malformed`)
    }
  }
  // Each member was checked by name: the type follows from the tables above.
  return receipt as unknown as Receipt
}

function parseObject(text: string): Record<string, unknown> {
  if (typeof text !== 'string') throw new ReceiptError('the text of a receipt must be a string')
  if (text.length > MAX_CHARACTERS) throw new ReceiptError('the receipt is larger than 4 MiB')
  const object = parseJsonObject(text)
  if (object === undefined) throw new ReceiptError('the receipt is not a JSON object')
  const flaw = jsonFlaw(text)
  if (flaw !== undefined) throw new ReceiptError(`the receipt ${flaw}`)
  return object
}

function isDigest(value: unknown): value is SaltedDigest {
  if (!isRecord(value) || !isBase64(value['sha256'], DIGEST_BYTES)) return false
  if (Object.keys(value).length === 1) return true
  return hasExactly(value, ['sha256', 'salt']) && isBase64(value['salt'], SALT_BYTES)
}

function isCheck(value: unknown): boolean {
  if (!isRecord(value) || !STATUSES.includes(String(value['status']))) return false
  return ['id', 'code', 'detail'].every((name) => typeof value[name] === 'string')
}

function isTime(value: unknown): boolean {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return false
  return !Number.isNaN(Date.parse(value))
}

/** Tests for visible ASCII and spaces: a terminal may show it. */
function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_TEXT && /^[\x20-\x7e]+$/.test(value)
}

function isBase64(value: unknown, length?: number): boolean {
  const bytes = typeof value === 'string' ? decodeBase64(value) : undefined
  return bytes !== undefined && (length === undefined || bytes.length === length)
}

function isObjectOrNull(value: unknown): boolean {
  return value === null || isRecord(value)
}
