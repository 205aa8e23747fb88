/** How bad something is. */
export type Status = 'ok' | 'warning' | 'problem'

/** What was found out about one thing. */
export interface Finding {
  readonly check: string
  readonly status: Status
  readonly message: string
  /** One line of what to do. */
  readonly remedy?: string
  /** How long it took, in milliseconds. */
  readonly ms?: number
}
