/** Outcome of a check. `skip`: not requested, or not decidable; never counts as passed. */
export type CheckStatus = 'pass' | 'fail' | 'warn' | 'skip'

/** Outcome of a check with its reason. */
export interface Verdict {
  readonly status: CheckStatus
  /** The reason, for programs. Stable. */
  readonly code: string
  /** The reason, for people. */
  readonly detail: string
  readonly expected?: string
  readonly actual?: string
}

/** Two values that should have been equal. */
type Compared = Pick<Verdict, 'expected' | 'actual'>

export function pass(code: string, detail: string): Verdict {
  return { status: 'pass', code, detail }
}

export function fail(code: string, detail: string, values: Compared = {}): Verdict {
  return { status: 'fail', code, detail, ...values }
}

export function warn(code: string, detail: string): Verdict {
  return { status: 'warn', code, detail }
}

export function skip(code: string, detail: string): Verdict {
  return { status: 'skip', code, detail }
}
