import {
  TpmParseError,
  computeName,
  decodeEvidence,
  parseAttest,
  parsePublic,
  parseSignature,
} from '@nomyo/attest/structures'
import { EXIT } from '@nomyo-internal/command-line'
import { printableJson, printableLine } from '@nomyo-internal/diagnostics'
import type { Output } from '../../output/output.js'
import { JSON_OPTION, cliCommand } from '../cli-command.js'
import {
  describeAttest,
  describePublic,
  describeSignature,
  hex,
  type Fields,
} from './describe-structures.js'
import { SOURCE_NOTE, SOURCE_OPERAND, SOURCE_OPTIONS, readSource } from './evidence-source.js'

/** `nomyo attest inspect`: prints every field of the evidence by its name, and appraises nothing. */
export const inspectCommand = cliCommand({
  summary: 'print every field of TPM evidence, without appraising it',
  operands: SOURCE_OPERAND,
  options: { ...JSON_OPTION, ...SOURCE_OPTIONS },
  notes: [SOURCE_NOTE],
  run: async ({ settings, operands: [source = ''], context, output }) => {
    const { json } = settings.values
    const { evidence } = await readSource(source, settings.values, context)
    const { sections, flaws } = await describeEvidence(evidence)
    if (json) output.line(printableJson({ ...sections, flaws }))
    else show(output, sections, flaws)
    return flaws.length === 0 ? EXIT.ok : EXIT.failed
  },
})

interface Description {
  readonly sections: Readonly<Record<string, Fields>>
  /** Structures that cannot be read, with the reason. */
  readonly flaws: readonly string[]
}

async function describeEvidence(json: unknown): Promise<Description> {
  const sections: Record<string, Fields> = {}
  const flaws: string[] = []
  const read = async (title: string, work: () => Fields | Promise<Fields>): Promise<void> => {
    try {
      sections[title] = await work()
    } catch (error) {
      if (!(error instanceof TpmParseError)) throw error
      flaws.push(`${title}: ${error.message}`)
    }
  }
  let evidence
  try {
    evidence = decodeEvidence(json)
  } catch (error) {
    if (!(error instanceof TpmParseError)) throw error
    return { sections, flaws: [error.message] }
  }
  const { pcrBanks, pcrValues, quote, signature, akPublic } = evidence
  sections['as listed by the sender'] = {
    pcr_banks: pcrBanks,
    ...Object.fromEntries(
      Object.entries(pcrValues).flatMap(([bank, values]) =>
        Object.entries(values).map(([pcr, value]) => [`${bank} PCR ${pcr}`, value]),
      ),
    ),
  }
  await read('TPMS_ATTEST', () => describeAttest(parseAttest(quote), quote.length))
  await read('TPMT_SIGNATURE', () => describeSignature(parseSignature(signature)))
  await read('TPM2B_PUBLIC', async () => {
    const key = parsePublic(akPublic)
    return { ...describePublic(key), Name: hex(await computeName(key)) }
  })
  return { sections, flaws }
}

function show(
  { line, style }: Output,
  sections: Description['sections'],
  flaws: readonly string[],
): void {
  for (const [title, fields] of Object.entries(sections)) {
    line(style.title(title))
    for (const [name, value] of Object.entries(fields)) {
      line(`  ${printableLine(name).padEnd(24)} ${printableLine(value)}`)
    }
    line()
  }
  for (const flaw of flaws) line(style.bad(`cannot be read: ${printableLine(flaw)}`))
  line('Nothing here is appraised: nomyo attest verify does that.')
}
