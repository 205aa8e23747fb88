import {
  appraise,
  type AppraisalPolicy,
  type AttestationResult,
  type PreviousQuote,
} from '@nomyo/attest'
import { measuredBoot } from '@nomyo/attest/eventlog'
import { imaLog } from '@nomyo/attest/ima'
import { UsageError } from '../exit-codes.js'
import { jsonText, type Output } from '../output.js'
import { readArguments, type Arguments } from './arguments.js'
import { EXPECTATION_FLAGS, readExpectation } from './expectation.js'
import { reportUnreachable } from './unreachable.js'
import { exitCodeOf, readPolicy, readTime, refuse } from './judgement.js'
import { showResult } from './show-result.js'
import { isUrl, parseJson, readBytes, readSource, readText, sourceFromText } from './source.js'
import { parseReceiptIfAny, verifyReceipt } from './verify-receipt.js'

/** The flags it takes. */
export const VERIFY_FLAGS = {
  ...EXPECTATION_FLAGS,
  policy: 'text',
  'event-log': 'text',
  'ima-log': 'text',
  previous: 'text',
  now: 'text',
  json: 'flag',
  'allow-http': 'flag',
  request: 'text',
  answer: 'text',
} as const

/** `nomyo attest verify`: judges evidence by a policy file; the exit code is the tier. */
export async function verify(output: Output, argv: readonly string[]): Promise<number> {
  const args = readArguments(argv, VERIFY_FLAGS)
  const policyPath = args.text('policy')
  const text = isUrl(args.source) ? undefined : readText(args.source)
  const receipt = text === undefined ? undefined : await parseReceiptIfAny(text, args.source)
  if (receipt !== undefined) return verifyReceipt(output, receipt, args)
  refuse(args, ['request', 'answer'], 'is for receipts')
  if (policyPath === undefined) {
    throw new UsageError('give --policy POLICY.json; nomyo attest policy init makes one')
  }
  return reportUnreachable(async () => {
    const rules = await readPolicy(policyPath)
    const more = readMore(args)
    const source =
      text === undefined
        ? await readSource(args.source, args.flag('allow-http'))
        : await sourceFromText(text, args.source)
    const policy = { ...rules, ...more, nonce: readExpectation(args, source) }
    const result = await appraise(source.evidence, policy)
    if (args.flag('json')) output.line(jsonText(result))
    else showResult(output, result, source.gateway?.fingerprint)
    return exitCodeOf(result)
  })
}

/** What is given beside the policy, for this one judgement. */
function readMore(args: Arguments): Pick<AppraisalPolicy, 'eventLog' | 'ima' | 'previous' | 'now'> {
  const eventLog = args.text('event-log')
  const ima = args.text('ima-log')
  const previous = args.text('previous')
  return {
    eventLog: eventLog === undefined ? undefined : measuredBoot({ log: readBytes(eventLog) }),
    ima: ima === undefined ? undefined : imaLog({ log: readText(ima) }),
    previous: previous === undefined ? undefined : readPrevious(previous),
    now: readTime(args.text('now')) ?? new Date(),
  }
}

function readPrevious(path: string): PreviousQuote {
  const result = parseJson(readText(path), path) as Partial<AttestationResult> | null
  const claims = result?.verified ?? result?.claimed
  if (claims?.clock === undefined) {
    throw new UsageError(`${path} is no --json result with signed facts in it`)
  }
  return claims
}
