import { flagName } from './option.js'

/** Place where a setting was made. */
export type SettingSource =
  | { readonly kind: 'default' }
  | { readonly kind: 'flag'; readonly position?: number | undefined }
  | {
      readonly kind: 'variable'
      readonly variable: string
      /** Number of the value, from 1 on, where there are several. */
      readonly position?: number | undefined
    }
  | {
      readonly kind: 'file'
      readonly file: string
      readonly line?: number | undefined
      /** Path of the member, such as `apiKey[1]`. */
      readonly member: string
    }

/** Facts about a mistake in a command line, a variable or a config file. */
export interface UsageFacts {
  /** Sentence without a period. It never holds a value, which may be a secret. */
  readonly problem: string
  /** Name of the option in camel case; the problem then continues a sentence that begins with it. */
  readonly option?: string | undefined
  /** Place where the option was set; by default the command line. */
  readonly source?: SettingSource | undefined
  /** Known word that was probably meant, as it is written. */
  readonly suggestion?: string | undefined
}

/** A mistake in a command line, a variable or a config file. The message describes the remedy. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly problem: string
  readonly option: string | undefined
  readonly source: SettingSource | undefined
  readonly suggestion: string | undefined

  /** @param facts - a text is a problem that concerns no single option */
  constructor(facts: string | UsageFacts) {
    const { problem, option, source, suggestion }: UsageFacts =
      typeof facts === 'string' ? { problem: facts } : facts
    const place = placeOf(option, source)
    const hint = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`
    super(`${place === '' ? '' : `${place} `}${problem}.${hint}`)
    this.problem = problem
    this.option = option
    this.source = source
    this.suggestion = suggestion
  }
}

/** The problem of one value; the reader of settings adds where the value was set. */
export class OptionProblem extends Error {
  override readonly name = 'OptionProblem'
  readonly facts: Pick<UsageFacts, 'problem' | 'suggestion'>

  /** @param problem - continues a sentence that begins with the option; it never holds the value */
  constructor(problem: string, suggestion?: string) {
    super(problem)
    this.facts = { problem, suggestion }
  }
}

/** `--port`, `NOMYO_PORT`, `--api-key (value 2)` or `gateway.yaml:3: port`. */
function placeOf(option: string | undefined, source: SettingSource | undefined): string {
  if (source?.kind === 'variable') return source.variable + numbered(source.position)
  if (source?.kind === 'file') {
    const line = source.line === undefined ? '' : `:${source.line}`
    return `${source.file}${line}: ${source.member}`.trimEnd()
  }
  const position = source?.kind === 'flag' ? source.position : undefined
  return option === undefined ? '' : `--${flagName(option)}${numbered(position)}`
}

const numbered = (position: number | undefined): string =>
  position === undefined ? '' : ` (value ${position})`
