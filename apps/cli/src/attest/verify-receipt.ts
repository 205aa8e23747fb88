import type { AttestationResult } from '@nomyo/attest'
import {
  RECEIPT_FORMAT,
  appraiseReceipt,
  digestMatches,
  parseReceipt,
  type DigestSubject,
  type Receipt,
  type ReceiptAppraisal,
} from '@nomyo/attest/receipt'
import { ATTEST_EXIT, UsageError } from '../exit-codes.js'
import { jsonText, oneLine, type Output } from '../output.js'
import type { Arguments } from './arguments.js'
import { exitCodeOf, readPolicy, readTime, refuse, usable } from './judgement.js'
import { showResult } from './show-result.js'
import { parseJson, readText } from './source.js'

/** As of when certificates are judged, and whose word that is. */
interface Moment {
  readonly time: string
  readonly from: 'receipt' | '--now'
}

/** What a receipt says itself, or does not hold. */
const OTHER_FLAGS = ['payload-id', 'extra-data', 'nonce', 'event-log', 'ima-log', 'previous']

/** Judges a receipt again, offline; the exit code is the worst of what it holds. */
export async function verifyReceipt(
  output: Output,
  receipt: Receipt,
  args: Arguments,
): Promise<number> {
  refuse(args, OTHER_FLAGS, 'is not for receipts, which say it themselves')
  const policyPath = args.text('policy')
  const now = readTime(args.text('now'))
  const policy = policyPath === undefined ? undefined : await readPolicy(policyPath)
  const appraisal = await usable(() =>
    appraiseReceipt(receipt, { policy, now, rawPayloadId: args.flag('raw-payload-id') }),
  )
  const asOf: Moment =
    now === undefined
      ? { time: receipt.createdAt, from: 'receipt' }
      : { time: now.toISOString(), from: '--now' }
  const texts = {
    request: await matches('request', receipt, args.text('request')),
    answer: await matches('answer', receipt, args.text('answer')),
  }
  if (args.flag('json')) output.line(jsonText({ ...appraisal, texts, asOf }))
  else show(output, receipt, appraisal, { texts, policyPath, asOf })
  const isAnothers = texts.request === false || texts.answer === false
  if (isAnothers) return ATTEST_EXIT.contraindicated
  // Without evidence for the key, anybody could have had the key the request was sealed for.
  const { answer, key } = appraisal
  return worst([exitCodeOf(answer), key === undefined ? ATTEST_EXIT.warning : exitCodeOf(key)])
}

/** The receipt in a text, where it is one. @throws UsageError */
export async function parseReceiptIfAny(
  text: string,
  source: string,
): Promise<Receipt | undefined> {
  const json = parseJson(text, source)
  const format: unknown =
    typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined
  if (format !== RECEIPT_FORMAT) return undefined
  return usable(() => parseReceipt(text))
}

/** Whether a file holds what was committed to; undefined where there is nothing to compare. */
async function matches(
  subject: DigestSubject,
  receipt: Receipt,
  path: string | undefined,
): Promise<boolean | undefined> {
  if (path === undefined) return undefined
  const result = await usable(() =>
    digestMatches(parseJson(readText(path), path), subject, receipt[subject]),
  )
  if (result !== undefined) return result
  throw new UsageError(`the receipt has no salt any more by which ${path} could be compared`)
}

/** A contradiction outweighs a doubt, a doubt a success. */
const worst = (codes: readonly number[]): number =>
  [ATTEST_EXIT.contraindicated, ATTEST_EXIT.warning].find((code) => codes.includes(code)) ??
  ATTEST_EXIT.affirming

function show(
  output: Output,
  receipt: Receipt,
  { answer, key, agrees }: ReceiptAppraisal,
  more: {
    texts: Readonly<Record<'request' | 'answer', boolean | undefined>>
    policyPath: string | undefined
    asOf: Moment
  },
): void {
  const { texts, policyPath, asOf } = more
  const { line, style } = output
  line(style.title(oneLine(`Receipt of ${receipt.createdAt}, by ${receipt.writtenBy}`)))
  line(oneLine(`request ${receipt.payloadId}, sealed for ${receipt.serverKey}`))
  line()
  showResult(output, answer)
  line()
  line(keySentence(key))
  for (const [name, isSame] of Object.entries(texts)) {
    if (isSame !== undefined) {
      line(
        isSame
          ? `The ${name} is the one of the receipt.`
          : style.bad(`The ${name} is NOT the one of the receipt.`),
      )
    }
  }
  if (agrees === false) line(style.bad('It was judged otherwise when it was written.'))
  line(
    policyPath === undefined
      ? style.quiet(
          'Judged by the policy in the receipt: the word of whoever wrote it. Give --policy for yours.',
        )
      : style.quiet(oneLine(`Judged by ${policyPath}.`)),
  )
  line(
    style.quiet(
      asOf.from === 'receipt'
        ? `Certificates as of ${asOf.time}, the time in the receipt: the word of whoever wrote it. Give --now for yours.`
        : `Certificates as of ${asOf.time}, as you said.`,
    ),
  )
  line(
    style.quiet(
      'The TPM signed the payload id. That the texts belong to it is the word of the writer.',
    ),
  )
}

function keySentence(key: AttestationResult | undefined): string {
  if (key === undefined)
    return 'Nothing says that the machine had the key the request was sealed for: a warning.'
  const { tier, trust } = key
  const failed = key.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)
  const why = failed.length === 0 ? '' : `: ${failed.join(', ')}`
  return `Before that, the machine vouched for the key the request was sealed for: tier ${tier}, key ${trust}${why}`
}
