import { appraise } from '../appraise.js'
import { decodeBase64, encodeBase64 } from '../bytes/base64.js'
import { digest } from '../bytes/digest.js'
import { PolicyError, ReceiptError } from '../errors.js'
import { parsePolicyFile, type PolicyFile } from '../policy-file/policy-file.js'
import type { AttestationResult } from '../result.js'
import type { Receipt } from './receipt.js'

/** By what a receipt is judged. */
export interface ReceiptCircumstances {
  /** Default: the policy in the receipt, which is the word of whoever wrote it. */
  readonly policy?: PolicyFile | undefined
  /** As of when certificates are judged. Default: when the receipt was written, by its own word. */
  readonly now?: Date | undefined
  /**
   * Whether quotes that carry the payload id itself count. A machine that signs any text may have signed
   * this one for somebody else, so only for servers known to make such quotes. Default false.
   */
  readonly rawPayloadId?: boolean | undefined
}

/** What a receipt is worth. */
export interface ReceiptAppraisal {
  /** The evidence that came with the answer. */
  readonly answer: AttestationResult
  /** The evidence by which the machine vouched for the server key, where the receipt holds it. */
  readonly key: AttestationResult | undefined
  /**
   * Whether the answer is judged now as it was then, check by check; undefined where another policy was
   * given, or nothing was judged then.
   */
  readonly agrees: boolean | undefined
}

/**
 * Judges again, from the receipt alone. The answer's evidence is also held against that of the key:
 * the same attestation key, and no restart in between.
 *
 * @throws PolicyError `ERR_POLICY_INVALID` when there is no policy, none that can be used, or none that
 * allows this kind of quote
 * @throws ReceiptError `ERR_RECEIPT_INVALID` when the receipt contradicts itself
 */
export async function appraiseReceipt(
  receipt: Receipt,
  { policy, now = new Date(receipt.createdAt), rawPayloadId = false }: ReceiptCircumstances = {},
): Promise<ReceiptAppraisal> {
  if (receipt.payloadIdMode === 'raw' && !rawPayloadId) {
    throw new PolicyError('the quote carries the payload id itself, which has to be allowed')
  }
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
  if (policy === null)
    throw new PolicyError('the receipt holds no policy: judge it by one of yours')
  return parsePolicyFile(JSON.stringify(policy))
}

async function appraiseKey(
  { keyEvidence, serverKey }: Receipt,
  rules: PolicyFile,
  now: Date,
): Promise<AttestationResult | undefined> {
  if (keyEvidence === null) return undefined
  const [spki, nonce] = [keyEvidence.spki, keyEvidence.nonce].map(decodeBase64)
  if (spki === undefined || nonce === undefined) throw new ReceiptError('the key is not base64')
  if (`sha256/${encodeBase64(await digest('sha256', spki))}` !== serverKey) {
    throw new ReceiptError('the key vouched for is not the one the request was sealed for')
  }
  return appraise(keyEvidence.evidence, { ...rules, nonce: { nonce, spki }, now })
}

function isSame(now: AttestationResult, then: NonNullable<Receipt['result']>): boolean {
  const verdicts = ({ tier, trust, checks }: NonNullable<Receipt['result']>): string =>
    JSON.stringify([tier, trust, checks.map(({ id, status, code }) => [id, status, code])])
  return verdicts(now) === verdicts(then)
}
