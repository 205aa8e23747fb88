import { parseArgs } from 'node:util'
import { SECTIONS, type Section } from './results.js'

/** What a run is asked for. */
export interface Flags {
  readonly help: boolean
  readonly json: boolean
  readonly check: boolean
  readonly quick: boolean
  readonly only: readonly Section[]
  /** File the chart is written to. */
  readonly plot: string | undefined
}

/** A command line that makes no sense; its message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const HELP = `pnpm bench: what sealing costs and what a gateway serves here, beside alternatives and limits

Usage
  pnpm bench [--check] [--only ${SECTIONS.join(',')}]

Options
  --check      ends with 1 where a target is missed, and says which
  --json       all numbers as JSON
  --only LIST  some sections, separated by commas
  --plot FILE  also draws the main results, as SVG
  --quick      a few rounds, to see whether it runs; its numbers are not good enough for --check
  --help       this text
`

/** @throws UsageError for unknown flags and sections, and for flags that do not go together */
export function parseFlags(args: readonly string[]): Flags {
  const { only, plot, ...switches } = parse(args)
  if (switches.check && switches.quick)
    throw new UsageError('--quick has too few rounds for --check; leave one of them out')
  return { ...switches, plot, only: sectionsOf(only) }
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        plot: { type: 'string' },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function sectionsOf(list: string | undefined): readonly Section[] {
  if (list === undefined) return SECTIONS
  const wanted = list.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !SECTIONS.some((section) => section === name))
  if (unknown !== undefined)
    throw new UsageError(`--only: there is no "${unknown}"; there are ${SECTIONS.join(', ')}`)
  return SECTIONS.filter((section) => wanted.includes(section))
}
