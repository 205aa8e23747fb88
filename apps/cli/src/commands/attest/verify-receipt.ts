import { EXIT, UsageError } from '@nomyo-internal/command-line'
import { printableJson, printableLine } from '@nomyo-internal/diagnostics'
import type { AttestationResult } from '@nomyo/attest'
import {
  appraiseReceipt,
  digestMatches,
  parseReceipt,
  type DigestSubject,
  type Receipt,
  type ReceiptAppraisal,
} from '@nomyo/attest/receipt'
import { parseKeyStatement, type KeyStatement } from '@nomyo/crypto/wire-2'
import { readNamedFile } from '../../files.js'
import { showResult } from '../../output/attestation-result.js'
import { describeStatement } from '../../output/key-statement.js'
import type { Output } from '../../output/output.js'
import { MAX_DOCUMENT_MEBIBYTES, readPolicy, useDocument } from '../../settings/policy.js'
import { isReceiptFormat, parseJson } from './evidence-source.js'
import type { VerifyCall } from './verify-options.js'

/** Options about facts that a receipt states itself, or does not hold. */
const OTHER_OPTIONS = ['payloadId', 'extraData', 'nonce', 'eventLog', 'imaLog', 'previous'] as const

/** Time at which certificates are verified, and its source. */
interface Moment {
  readonly time: string
  readonly from: 'receipt' | '--now'
}

/** Facts beside the appraisal. */
interface Shown {
  readonly texts: TextMatches
  readonly policyPath: string | undefined
  readonly asOf: Moment
  readonly statement: KeyStatement | undefined
}

type TextMatches = Readonly<Record<DigestSubject, boolean | undefined>>

/** Gives the exit code of a result; evidence with an unendorsed key is no success. */
export function exitCodeOf({ tier }: AttestationResult): number {
  switch (tier) {
    case 'affirming':
      return EXIT.ok
    case 'contraindicated':
      return EXIT.security
    default:
      return EXIT.warning
  }
}

/** Parses a receipt; undefined for a text that is none. @throws UsageError */
export async function parseReceiptIfAny(
  text: string,
  source: string,
): Promise<Receipt | undefined> {
  const json = parseJson(text, source)
  const format: unknown =
    typeof json === 'object' && json !== null && 'format' in json ? json.format : undefined
  return isReceiptFormat(format) ? useDocument(() => parseReceipt(text)) : undefined
}

/** Appraises a receipt again, offline; the exit code is the worst of its parts. */
export async function verifyReceipt(
  output: Output,
  receipt: Receipt,
  { settings }: VerifyCall,
): Promise<number> {
  const idle = OTHER_OPTIONS.find((name) => settings.given(name))
  if (idle !== undefined)
    throw settings.mistake(idle, 'is not for receipts, which state it themselves')
  const { policy: policyPath, now, json } = settings.values
  const policy = policyPath === undefined ? undefined : await readPolicy(policyPath)
  const appraisal = await useDocument(() => appraiseReceipt(receipt, { policy, now }))
  const statement = await statementOf(receipt)
  const asOf: Moment =
    now === undefined
      ? { time: receipt.createdAt, from: 'receipt' }
      : { time: now.toISOString(), from: '--now' }
  const texts = {
    request: await compare('request', receipt, settings.values.request),
    answer: await compare('answer', receipt, settings.values.answer),
  }
  if (json) {
    const wire = statement && { version: 2, statement_sha256: statement.sha256 }
    output.line(printableJson({ ...appraisal, wire: wire ?? { version: 1 }, texts, asOf }))
  } else show(output, receipt, appraisal, { texts, policyPath, asOf, statement })
  if (texts.request === false || texts.answer === false) return EXIT.security
  // Without evidence for the key, any party could hold the key that the request was encrypted to.
  const { answer, key } = appraisal
  const codes = [exitCodeOf(answer), key === undefined ? EXIT.warning : exitCodeOf(key)]
  return [EXIT.security, EXIT.warning].find((code) => codes.includes(code)) ?? EXIT.ok
}

/**
 * Reads the key statement of a receipt of wire 2, at the time that the receipt states.
 *
 * @throws SecurityError for a statement that was not valid then
 */
async function statementOf({ wire, createdAt }: Receipt): Promise<KeyStatement | undefined> {
  if (wire === undefined) return undefined
  const { statement, signatures } = wire
  const document = new TextEncoder().encode(JSON.stringify({ statement, signatures }))
  return parseKeyStatement(document, { now: Date.parse(createdAt) / 1000 })
}

/** Compares a file with its digest in the receipt; undefined where no file is given. */
async function compare(
  subject: DigestSubject,
  receipt: Receipt,
  path: string | undefined,
): Promise<boolean | undefined> {
  if (path === undefined) return undefined
  const text = readNamedFile(path, MAX_DOCUMENT_MEBIBYTES).toString()
  const matches = await useDocument(() =>
    digestMatches(parseJson(text, path), subject, receipt[subject]),
  )
  if (matches !== undefined) return matches
  throw new UsageError(`the receipt no longer has the salt that ${path} would be compared with`)
}

function show(
  output: Output,
  receipt: Receipt,
  { answer, key, agrees }: ReceiptAppraisal,
  { texts, policyPath, asOf, statement }: Shown,
): void {
  const { line, style } = output
  line(style.title(printableLine(`Receipt of ${receipt.createdAt}, by ${receipt.writtenBy}`)))
  for (const text of describeRequest(receipt, statement)) line(printableLine(text))
  line()
  showResult(output, answer)
  line()
  line(describeKey(key, statement))
  for (const [name, matches] of Object.entries(texts)) {
    if (matches === true) line(`The ${name} matches the receipt.`)
    if (matches === false) line(style.bad(`The ${name} does NOT match the receipt.`))
  }
  if (agrees === false) line(style.bad('The result differs from the one in the receipt.'))
  for (const text of [
    policyPath === undefined
      ? 'Appraised by the policy in the receipt, a claim of its writer. --policy FILE uses yours.'
      : printableLine(`Appraised by ${policyPath}.`),
    asOf.from === 'receipt'
      ? `Certificates as of ${asOf.time}, the time in the receipt, a claim of its writer. --now TIME uses yours.`
      : `Certificates as of ${asOf.time}, from --now.`,
    'The TPM signed the payload id. That the texts belong to it is a claim of the writer.',
  ]) {
    line(style.quiet(text))
  }
}

function describeRequest(
  { payloadId, serverKey }: Receipt,
  statement: KeyStatement | undefined,
): readonly string[] {
  return statement === undefined
    ? [`request ${payloadId}, over wire 1, encrypted to ${serverKey}`]
    : [
        `request ${payloadId}, over wire 2, encrypted to a request key of ${serverKey}`,
        ...describeStatement(statement),
      ]
}

function describeKey(
  key: AttestationResult | undefined,
  statement: KeyStatement | undefined,
): string {
  if (key === undefined) {
    return statement === undefined
      ? 'No evidence shows that the machine held the key that the request was encrypted to: a warning.'
      : 'No evidence shows that the machine published this key statement: a warning.'
  }
  const { tier, trust } = key
  const failed = key.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)
  const why = failed.length === 0 ? '' : `: ${failed.join(', ')}`
  const subject =
    statement === undefined ? 'the key that the request was encrypted to' : 'this key statement'
  return `Before that, the machine endorsed ${subject}: tier ${tier}, key ${trust}${why}`
}
