export { appraiseReceipt, type ReceiptAppraisal, type ReceiptAppraisalOptions } from './appraise.js'
export { createReceipt, type ReceiptInput, type Wire2Input } from './create.js'
export { digestMatches, type DigestSubject, type SaltedDigest } from './digest.js'
export { parseReceipt } from './parse.js'
export {
  RECEIPT_FORMAT,
  WIRE_2_RECEIPT_FORMAT,
  type KeyEvidence,
  type Receipt,
  type StatementEvidence,
  type StatementSignature,
  type Wire2Facts,
} from './receipt.js'
