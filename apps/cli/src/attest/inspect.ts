import {
  TpmParseError,
  computeName,
  decodeEvidence,
  parseAttest,
  parsePublic,
  parseSignature,
} from '@nomyo/attest/structures'
import { jsonText, oneLine, type Output } from '../output.js'
import { readArguments } from './arguments.js'
import { describeAttest, describePublic, describeSignature, hex, type Fields } from './describe.js'
import { reportUnreachable } from './unreachable.js'
import { readSource } from './source.js'

/** The flags it takes. */
export const INSPECT_FLAGS = { json: 'flag', 'allow-http': 'flag' } as const

/** `nomyo attest inspect`: every field of the evidence by its name. Judges nothing. */
export async function inspect(output: Output, argv: readonly string[]): Promise<number> {
  const args = readArguments(argv, INSPECT_FLAGS)
  return reportUnreachable(async () => {
    const { evidence } = await readSource(args.source, args.flag('allow-http'))
    const { sections, flaws } = await describeEvidence(evidence)
    if (args.flag('json')) output.line(jsonText({ ...sections, flaws }))
    else show(output, sections, flaws)
    return flaws.length === 0 ? 0 : 1
  })
}

interface Description {
  readonly sections: Readonly<Record<string, Fields>>
  /** What could not be read, and where. */
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
      line(`  ${oneLine(name).padEnd(24)} ${oneLine(value)}`)
    }
    line()
  }
  for (const flaw of flaws) line(style.bad(`cannot be read: ${oneLine(flaw)}`))
  line('Nothing of this was judged; nomyo attest verify does that.')
}
