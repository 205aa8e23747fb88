import { UsageError } from '@nomyo-internal/command-line'
import { printableJson, printableLine } from '@nomyo-internal/diagnostics'
import {
  appraise,
  type AppraisalPolicy,
  type AttestationResult,
  type PreviousQuote,
} from '@nomyo/attest'
import { measuredBoot } from '@nomyo/attest/eventlog'
import { imaLog } from '@nomyo/attest/ima'
import { readNamedFile } from '../../files.js'
import { showResult } from '../../output/attestation-result.js'
import { describeStatement } from '../../output/key-statement.js'
import { MAX_DOCUMENT_MEBIBYTES, readPolicy } from '../../settings/policy.js'
import { cliCommand } from '../cli-command.js'
import {
  SOURCE_NOTE,
  SOURCE_OPERAND,
  isUrl,
  parseJson,
  readDocument,
  readSource,
  sourceFromText,
  type Source,
} from './evidence-source.js'
import { readExpectation } from './expectation.js'
import { VERIFY_OPTIONS, type VerifyCall } from './verify-options.js'
import { exitCodeOf, parseReceiptIfAny, verifyReceipt } from './verify-receipt.js'

/** `nomyo attest verify`: appraises evidence or a receipt; the exit code is the verdict. */
export const verifyCommand = cliCommand({
  summary: 'appraise TPM evidence, or a receipt',
  operands: SOURCE_OPERAND,
  options: VERIFY_OPTIONS,
  examples: [
    'nomyo attest verify https://gateway.example --policy policy.json',
    'nomyo attest verify receipt.json --request request.json',
  ],
  notes: [
    SOURCE_NOTE,
    'A file can also be a receipt, as NOMYO clients write them: without --policy it is appraised by the ' +
      'policy in it, a claim of its writer.',
  ],
  exitMeanings: {
    ok: 'affirming: a trust anchor endorses the key, and no check failed or warned',
    usage: 'wrong command line, or a file that cannot be used',
    security: 'contraindicated: a check failed',
    unreachable: 'the gateway could not be reached, or gave no evidence',
    warning: 'a warning, an unendorsed key, or a receipt without evidence for the server key',
  },
  run: async (call) => {
    const { settings, operands, context, output } = call
    const [path = ''] = operands
    const { policy: policyPath, json } = settings.values
    const text = isUrl(path) ? undefined : await readDocument(path, context)
    const receipt = text === undefined ? undefined : await parseReceiptIfAny(text, path)
    if (receipt !== undefined) return verifyReceipt(output, receipt, call)
    for (const name of ['request', 'answer'] as const) {
      if (settings.given(name)) throw settings.mistake(name, 'is for receipts')
    }
    if (policyPath === undefined) {
      throw new UsageError('give --policy FILE; nomyo attest policy init makes one')
    }
    const rules = await readPolicy(policyPath)
    const circumstances = readCircumstances(call)
    const source =
      text === undefined
        ? await readSource(path, settings.values, context)
        : await sourceFromText(text, path)
    const nonce = readExpectation(call, source)
    const result = await appraise(source.evidence, { ...rules, ...circumstances, nonce })
    if (json) output.line(printableJson({ ...result, ...subjectFacts(source) }))
    else {
      showResult(output, result)
      for (const text of describeSubject(source)) output.line(printableLine(text))
    }
    return exitCodeOf(result)
  },
})

/** Names the keys that a gateway showed, for programs. */
function subjectFacts({ gateway }: Source): object {
  if (gateway === undefined) return {}
  if (gateway.wire === 1) return { wire: { version: 1, fingerprint: gateway.fingerprint } }
  const { sha256, identities, notBefore, notAfter } = gateway.statement
  return { wire: { version: 2, statement_sha256: sha256, identities, notBefore, notAfter } }
}

/** Names the keys that a gateway showed. */
function describeSubject({ gateway }: Source): readonly string[] {
  if (gateway === undefined) return []
  return gateway.wire === 1
    ? [`The gateway showed the encryption key ${gateway.fingerprint} (wire 1)`]
    : describeStatement(gateway.statement)
}

/** Collects the input of this one appraisal beside the policy. */
function readCircumstances({
  settings,
}: VerifyCall): Pick<AppraisalPolicy, 'eventLog' | 'ima' | 'previous' | 'now'> {
  const { eventLog, imaLog: ima, previous, now = new Date() } = settings.values
  const read = (path: string): Buffer => readNamedFile(path, MAX_DOCUMENT_MEBIBYTES)
  return {
    eventLog: eventLog === undefined ? undefined : measuredBoot({ log: read(eventLog) }),
    ima: ima === undefined ? undefined : imaLog({ log: read(ima).toString() }),
    previous: previous === undefined ? undefined : readPrevious(read(previous), previous),
    now,
  }
}

function readPrevious(bytes: Buffer, path: string): PreviousQuote {
  const result = parseJson(bytes.toString(), path) as Partial<AttestationResult> | null
  const claims = result?.verified ?? result?.claimed
  if (claims?.clock === undefined) {
    throw new UsageError(`${path} is not a --json result with signed claims in it`)
  }
  return claims
}
