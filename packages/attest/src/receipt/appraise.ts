import { requireObject } from '../arguments.js'
import { appraise } from '../appraise.js'
import { PolicyError, ReceiptError } from '../attest-error.js'
import { decodeBase64, encodeBase64 } from '../bytes/base64.js'
import { digest } from '../bytes/digest.js'
import { parsePolicyFile, type PolicyFile } from '../policy/file.js'
import type { AttestationResult } from '../result/result.js'
import { RECEIPT_FORMAT, type Receipt } from './receipt.js'

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
  /** Result of the evidence that endorses the server key, where the receipt has it. */
  readonly key: AttestationResult | undefined
  /**
   * True when the verdicts on the answer are those of the receipt, check by check; undefined with
   * another policy, or without a result in the receipt.
   */
  readonly agrees: boolean | undefined
}

/**
 * Appraises the evidence of a receipt again, offline. The evidence of the answer is also compared with
 * that of the key: the same attestation key, and no restart in between.
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
  if ((receipt as Receipt | undefined)?.format !== RECEIPT_FORMAT) {
    throw new ReceiptError('the receipt is none that parseReceipt returns')
  }
  requireObject(options, 'options')
  const { policy, now = new Date(receipt.createdAt) } = options
  const rules = policy ?? ownPolicy(receipt)
  const key = await appraiseKey(receipt, rules, now)
  const answer = await appraise(receipt.evidence ?? undefined, {
    ...rules,
    nonce: { payloadId: receipt.payloadId, mode: receipt.payloadIdMode },
    previous: key?.verified,
    now,
  })
  const comparable = policy === undefined && receipt.result !== null
  return { answer, key, agrees: comparable ? isSame(answer, receipt.result) : undefined }
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

function isSame(now: AttestationResult, then: NonNullable<Receipt['result']>): boolean {
  const verdicts = ({ tier, trust, checks }: NonNullable<Receipt['result']>): string =>
    JSON.stringify([tier, trust, checks.map(({ id, status, code }) => [id, status, code])])
  return verdicts(now) === verdicts(then)
}
