import { writeFileSync } from 'node:fs'
import {
  EXIT,
  OptionProblem,
  UsageError,
  defineOptions,
  parsedBy,
} from '@nomyo-internal/command-line'
import { errnoCode, printableLine } from '@nomyo-internal/diagnostics'
import { appraise, parsePcrSelection, type PcrValues } from '@nomyo/attest'
import { formatPolicyFile } from '@nomyo/attest/policy-file'
import { showResult } from '../../output/attestation-result.js'
import type { Output } from '../../output/output.js'
import { cliCommand } from '../cli-command.js'
import { SOURCE_NOTE, SOURCE_OPERAND, SOURCE_OPTIONS, readSource } from './evidence-source.js'
import { EXPECTATION_OPTIONS, readExpectation } from './expectation.js'
import { exitCodeOf } from './verify-receipt.js'

const COMMENT =
  'Recorded on first contact: the key and PCR values below are those that this machine showed then. ' +
  'Compare them with the operator out of band before relying on them.'

/**
 * `nomyo attest policy init`: records the attestation key and PCR values of a machine as it is now, so
 * that a later change is noticed.
 */
export const policyInitCommand = cliCommand({
  summary: 'record the key and PCR values of a machine as a policy',
  operands: SOURCE_OPERAND,
  options: defineOptions({
    pcrs: {
      value: 'LIST',
      summary: 'PCRs to record',
      default: 'sha256:0,7,10',
      parse: parsedBy(parsePcrs, 'must be of the form sha256:0,7,10'),
    },
    output: { value: 'FILE', summary: 'new file instead of standard output', isPath: true },
    ...SOURCE_OPTIONS,
    ...EXPECTATION_OPTIONS,
  }),
  notes: [SOURCE_NOTE, 'A policy is JSON. An existing file is never overwritten.'],
  run: async (call) => {
    const { settings, operands, context, output } = call
    const { pcrs: requiredPcrs, output: path } = settings.values
    const source = await readSource(operands[0] ?? '', settings.values, context)
    const nonce = readExpectation(call, source)
    const result = await appraise(source.evidence, { nonce, requiredPcrs, trust: 'none' })
    const { claimed } = result
    const akName = claimed?.akName
    if (claimed === undefined || akName === undefined) {
      showResult({ ...output, line: output.note, style: output.noteStyle }, result)
      output.note('Nothing was recorded.')
      return exitCodeOf(result)
    }
    const text = formatPolicyFile({
      comment: COMMENT,
      requiredPcrs,
      referenceValues: selectPcrs(claimed.pcrs, requiredPcrs),
      pinnedAkNames: [akName],
    })
    if (path === undefined) output.line(text.trimEnd())
    else {
      writeNewFile(path, text)
      output.note(`Written to ${path}.`)
    }
    explain(output, akName, claimed.pcrs)
    return EXIT.ok
  },
})

/** Selects the PCRs to record from all that were quoted. */
function selectPcrs(pcrs: PcrValues, requiredPcrs: string): Record<string, Record<string, string>> {
  return Object.fromEntries(
    parsePcrSelection(requiredPcrs).map(({ hash, pcrs: indices }) => [
      hash,
      Object.fromEntries(indices.map((pcr) => [pcr, pcrs[hash]?.[pcr] ?? ''])),
    ]),
  )
}

/** Never replaces another policy, which may be the one that was compared with the operator. */
function writeNewFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch (error) {
    const exists = errnoCode(error) === 'EEXIST'
    throw new UsageError(exists ? `${path} exists; remove it first` : `${path} cannot be written`)
  }
}

function explain({ note }: Output, akName: string, pcrs: PcrValues): void {
  // Such a PCR was never extended: it has the value of every machine that does not measure.
  const untouched = Object.entries(pcrs).flatMap(([bank, values]) =>
    Object.entries(values).flatMap(([pcr, value]) =>
      /^0+$/.test(value) ? [`${bank}:${pcr}`] : [],
    ),
  )
  if (untouched.length > 0) {
    const list = printableLine(untouched.join(', '))
    note(`All zeros: ${list}. Nothing was measured there, so nothing is known.`)
  }
  for (const text of [
    `Attestation key ${akName}`,
    '',
    'What this proves: nothing yet. A program without a TPM could have shown the same.',
    'Its use: from now on, a different key or a different value in these PCRs is detected.',
    'Next: ask the operator out of band for the key (the gateway prints it at its start) and compare.',
    'PCR 10 changes with every new file that Linux measures (IMA). If it does, omit it from',
    'referenceValues, and verify the log with verify --ima-log.',
    'Not covered by PCR 0, 7 and 10: GPU, model, hypervisor, memory, and the administrators.',
  ]) {
    note(text)
  }
}

function parsePcrs(text: string): string {
  const pcrs = parsePcrSelection(text).flatMap((selection) => selection.pcrs)
  if (!pcrs.includes(16) && !pcrs.includes(23)) return text
  throw new OptionProblem('must not select PCR 16 or 23, which any process can reset')
}
