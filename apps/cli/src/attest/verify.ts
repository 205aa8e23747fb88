import {
  PolicyError,
  appraise,
  type AppraisalPolicy,
  type AttestationResult,
  type PreviousQuote,
} from '@nomyo/attest'
import { measuredBoot } from '@nomyo/attest/eventlog'
import { imaLog } from '@nomyo/attest/ima'
import { parsePolicyFile } from '@nomyo/attest/policy-file'
import { ATTEST_EXIT, UsageError } from '../exit-codes.js'
import type { Output } from '../output.js'
import { readArguments, type Arguments } from './arguments.js'
import { EXPECTATION_FLAGS, readExpectation } from './expectation.js'
import { reportUnreachable } from './unreachable.js'
import { showResult } from './show-result.js'
import { parseJson, readBytes, readSource, readText } from './source.js'

const FLAGS = {
  ...EXPECTATION_FLAGS,
  policy: 'text',
  'event-log': 'text',
  'ima-log': 'text',
  previous: 'text',
  now: 'text',
  json: 'flag',
  'allow-http': 'flag',
} as const

/** `nomyo attest verify`: judges evidence by a policy file; the exit code is the tier. */
export async function verify(output: Output, argv: readonly string[]): Promise<number> {
  const args = readArguments(argv, FLAGS)
  const policyPath = args.text('policy')
  if (policyPath === undefined) {
    throw new UsageError('give --policy POLICY.json; nomyo attest policy init makes one')
  }
  return reportUnreachable(async () => {
    const rules = usable(() => parsePolicyFile(readText(policyPath)))
    const more = readMore(args)
    const source = await readSource(args.source, args.flag('allow-http'))
    const policy = { ...rules, ...more, nonce: readExpectation(args, source) }
    const result = await appraise(source.evidence, policy)
    if (args.flag('json')) output.line(JSON.stringify(result, undefined, 2))
    else showResult(output, result, source.gateway?.fingerprint)
    return exitCodeOf(result)
  })
}

/** What a result means for a shell; evidence that nobody vouches for is not a success. */
export function exitCodeOf({ tier }: AttestationResult): number {
  switch (tier) {
    case 'affirming':
      return ATTEST_EXIT.affirming
    case 'contraindicated':
      return ATTEST_EXIT.contraindicated
    default:
      return ATTEST_EXIT.warning
  }
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
    now: readTime(args.text('now')),
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

function readTime(text: string | undefined): Date {
  if (text === undefined) return new Date()
  const time = new Date(text)
  if (!Number.isNaN(time.getTime())) return time
  throw new UsageError('--now must be a time such as 2026-11-21T12:00:00Z')
}

/** A policy that cannot be used is a mistake in a file, not a verdict. */
function usable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PolicyError) throw new UsageError(error.message)
    throw error
  }
}
