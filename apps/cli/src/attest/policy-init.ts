import { writeFileSync } from 'node:fs'
import { appraise, parsePcrSelection, type PcrValues } from '@nomyo/attest'
import { formatPolicyFile } from '@nomyo/attest/policy-file'
import { ATTEST_EXIT, UsageError } from '../exit-codes.js'
import { oneLine, type Output } from '../output.js'
import { readArguments } from './arguments.js'
import { EXPECTATION_FLAGS, readExpectation } from './expectation.js'
import { exitCodeOf } from './judgement.js'
import { reportUnreachable } from './unreachable.js'
import { showResult } from './show-result.js'
import { readSource } from './source.js'

/** The flags it takes. */
export const POLICY_INIT_FLAGS = {
  ...EXPECTATION_FLAGS,
  pcrs: 'text',
  output: 'text',
  'allow-http': 'flag',
} as const

const COMMENT =
  'Recorded on first contact: the key and PCR values below are what this machine showed then. Compare ' +
  'them with the operator over another way before relying on them.'

/**
 * `nomyo attest policy init`: records the attestation key and PCR values of a machine as it is now, so
 * that a later change is noticed.
 */
export async function policyInit(output: Output, argv: readonly string[]): Promise<number> {
  const args = readArguments(argv, POLICY_INIT_FLAGS)
  const requiredPcrs = args.text('pcrs') ?? 'sha256:0,7,10'
  checkSelection(requiredPcrs)
  return reportUnreachable(async () => {
    const source = await readSource(args.source, args.flag('allow-http'))
    const nonce = readExpectation(args, source)
    const result = await appraise(source.evidence, { nonce, requiredPcrs, trust: 'none' })
    const { claimed } = result
    const akName = claimed?.akName
    if (claimed === undefined || akName === undefined) {
      showResult({ ...output, line: toStandardError }, result)
      toStandardError('Nothing was recorded.')
      return exitCodeOf(result)
    }
    const text = formatPolicyFile({
      comment: COMMENT,
      requiredPcrs,
      referenceValues: only(claimed.pcrs, requiredPcrs),
      pinnedAkNames: [akName],
    })
    write(args.text('output'), text, output)
    warnAboutUntouched(claimed.pcrs)
    explain(akName)
    return ATTEST_EXIT.affirming
  })
}

/** A policy records what was asked for, not whatever else was quoted beside it. */
function only(pcrs: PcrValues, requiredPcrs: string): Record<string, Record<string, string>> {
  return Object.fromEntries(
    parsePcrSelection(requiredPcrs).map(({ hash, pcrs: indices }) => [
      hash,
      Object.fromEntries(indices.map((pcr) => [pcr, pcrs[hash]?.[pcr] ?? ''])),
    ]),
  )
}

function write(path: string | undefined, text: string, { line }: Output): void {
  if (path === undefined) {
    line(text.trimEnd())
    return
  }
  try {
    // Never over another policy: it may be the one that was compared with the operator.
    writeFileSync(path, text, { flag: 'wx' })
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new UsageError(exists ? `${path} exists; remove it first` : `${path} cannot be written`)
  }
  toStandardError(`Written to ${path}.`)
}

/** A PCR that is all zeros was never extended: its value is that of every machine that does not measure. */
function warnAboutUntouched(pcrs: PcrValues): void {
  const untouched = Object.entries(pcrs).flatMap(([bank, values]) =>
    Object.entries(values).flatMap(([pcr, value]) =>
      /^0+$/.test(value) ? [`${bank}:${pcr}`] : [],
    ),
  )
  if (untouched.length === 0) return
  toStandardError(
    `All zeros: ${oneLine(untouched.join(', '))}. Nothing was measured there, so nothing is known.`,
  )
}

function explain(akName: string): void {
  for (const text of [
    `Attestation key ${akName}`,
    '',
    'What this proves: nothing yet. A program without a TPM could have shown the same.',
    'What it is good for: from now on, another key or another value in these PCRs is noticed.',
    'Next: ask the operator, over another way, for the key (the gateway prints it when it starts) and',
    'compare. PCR 10 changes with every new file Linux measures (IMA): where it does, leave it out of',
    'referenceValues and judge the log with verify --ima-log.',
    'Not covered by PCR 0, 7 and 10: GPU, model, hypervisor, memory, and whoever administers the machine.',
  ]) {
    toStandardError(text)
  }
}

function checkSelection(text: string): void {
  try {
    const resettable = parsePcrSelection(text).some(
      ({ pcrs }) => pcrs.includes(16) || pcrs.includes(23),
    )
    if (!resettable) return
  } catch {
    throw new UsageError('--pcrs must be of the form sha256:0,7,10')
  }
  throw new UsageError('--pcrs: any process can reset PCR 16 and 23; they prove nothing')
}

function toStandardError(text = ''): void {
  process.stderr.write(`${text}\n`)
}
