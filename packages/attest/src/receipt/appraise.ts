import { requireObject } from '../arguments.js'
import { appraise } from '../appraise.js'
import { PolicyError, ReceiptError } from '../attest-error.js'
import { decodeBase64, encodeBase64 } from '../bytes/base64.js'
import { isRecord } from '../bytes/json.js'
import { digest } from '../bytes/digest.js'
import { parsePolicyFile, type PolicyFile } from '../policy/file.js'
import type { AttestationResult } from '../result/result.js'
import { RECEIPT_FORMAT, WIRE_2_RECEIPT_FORMAT, type Receipt, type Wire2Facts } from './receipt.js'
import { isWire2Facts, signedStatement } from './wire-2.js'

/** Options of the appraisal of a receipt. */
export interface ReceiptAppraisalOptions {
  /** Default: the policy in the receipt, which is the claim of its writer. */
  readonly policy?: PolicyFile | undefined
  /** Time at which certificates are verified. Default: the creation of the receipt, as it claims. */
  readonly now?: Date | undefined
}

/** Result of the appraisal of a receipt. */
export interface ReceiptAppraisal {
  /** Result of the evidence in the answer. */
  readonly answer: AttestationResult
  /** Result of the evidence that endorses the server key or the key statement, where the receipt has it. */
  readonly key: AttestationResult | undefined
  /**
   * True when the verdicts on the answer are those of the receipt, check by check; undefined with
   * another policy, or without a result in the receipt.
   */
  readonly agrees: boolean | undefined
}

/**
 * Appraises the evidence of a receipt again, offline. The evidence of the answer is also compared with
 * that of the key: the same attestation key, and no restart in between. Over wire 2, the identity that the
 * receipt names must have signed the statement; whether to trust that identity is left to the caller.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when the policy is missing or cannot be used
 * @throws ReceiptError `ERR_RECEIPT_INVALID` when the receipt contradicts itself
 * @example
 * ```ts
 * import { parsePolicyFile } from '@nomyo/attest/policy-file'
 * import { appraiseReceipt, parseReceipt } from '@nomyo/attest/receipt'
 *
 * declare const receiptJson: string, policyJson: string
 *
 * const policy = parsePolicyFile(policyJson)
 * const { answer } = await appraiseReceipt(parseReceipt(receiptJson), { policy })
 * console.log(answer.tier)
 * ```
 */
export async function appraiseReceipt(
  receipt: Receipt,
  options: ReceiptAppraisalOptions = {},
): Promise<ReceiptAppraisal> {
  requireReceipt(receipt)
  requireObject(options, 'options')
  const { policy, now = new Date(receipt.createdAt) } = options
  const rules = policy ?? ownPolicy(receipt)
  const key = await (receipt.wire === undefined
    ? appraiseKey(receipt, rules, now)
    : appraiseStatement(receipt, receipt.wire, rules, now))
  const answer = await appraise(receipt.evidence ?? undefined, {
    ...rules,
    nonce: { payloadId: receipt.payloadId, mode: receipt.payloadIdMode },
    previous: key?.verified,
    now,
  })
  const comparable = policy === undefined && receipt.result !== null
  return { answer, key, agrees: comparable ? isSame(answer, receipt.result) : undefined }
}

/** Callers without types pass any value. */
function requireReceipt(receipt: unknown): void {
  if (isRecord(receipt)) {
    const { format, wire } = receipt
    if (format === RECEIPT_FORMAT && wire === undefined) return
    if (format === WIRE_2_RECEIPT_FORMAT && isWire2Facts(wire)) return
  }
  throw new ReceiptError('the receipt is none that parseReceipt returns')
}

function ownPolicy({ policy }: Receipt): PolicyFile {
  if (policy === null) {
    throw new PolicyError('the receipt has no policy: appraise it by one of your own')
  }
  return parsePolicyFile(JSON.stringify(policy))
}

async function appraiseKey(
  { keyEvidence, serverKey }: Receipt,
  rules: PolicyFile,
  now: Date,
): Promise<AttestationResult | undefined> {
  if (keyEvidence === null) return undefined
  const [spki, nonce] = [keyEvidence.spki, keyEvidence.nonce].map(decodeBase64)
  if (spki === undefined || nonce === undefined)
    throw new ReceiptError('"keyEvidence" of the receipt is not base64')
  if (`sha256/${encodeBase64(await digest('sha256', spki))}` !== serverKey) {
    throw new ReceiptError('the endorsed key is not the one the request was encrypted to')
  }
  return appraise(keyEvidence.evidence, { ...rules, nonce: { nonce, spki }, now })
}

async function appraiseStatement(
  receipt: Receipt,
  wire: Wire2Facts,
  rules: PolicyFile,
  now: Date,
): Promise<AttestationResult | undefined> {
  const statement = await signedStatement(wire, receipt)
  if (wire.evidence === null) return undefined
  const nonce = decodeBase64(wire.evidence.nonce)
  if (nonce === undefined) throw new ReceiptError('"wire.evidence" of the receipt is not base64')
  return appraise(wire.evidence.evidence, { ...rules, nonce: { nonce, statement }, now })
}

function isSame(now: AttestationResult, then: NonNullable<Receipt['result']>): boolean {
  const verdicts = ({ tier, trust, checks }: NonNullable<Receipt['result']>): string =>
    JSON.stringify([tier, trust, checks.map(({ id, status, code }) => [id, status, code])])
  return verdicts(now) === verdicts(then)
}
