/** Severity of a finding: a warning still works, a problem does not. */
export type Status = 'ok' | 'warning' | 'problem'

/** Result of one check of a doctor. Contains no secret. */
export interface Finding {
  readonly status: Status
  readonly message: string
  /** One line of advice. */
  readonly remedy?: string
  /** Duration of the check, in milliseconds. */
  readonly ms?: number
}

/** A finding together with the name of its check. */
export interface NamedFinding extends Finding {
  readonly check: string
}

/** Creates a finding about something that is as it must be. */
export const ok = (message: string, ms?: number): Finding => finding('ok', message, undefined, ms)

/** Creates a finding about something that works and deserves attention. */
export const warning = (message: string, remedy?: string, ms?: number): Finding =>
  finding('warning', message, remedy, ms)

/** Creates a finding about something that does not work. */
export const problem = (message: string, remedy?: string, ms?: number): Finding =>
  finding('problem', message, remedy, ms)

const finding = (
  status: Status,
  message: string,
  remedy: string | undefined,
  ms: number | undefined,
): Finding => ({
  status,
  message,
  ...(remedy === undefined ? {} : { remedy }),
  ...(ms === undefined ? {} : { ms: Math.round(ms * 10) / 10 }),
})
