/** Result of a check, for people. */
export interface Verdict {
  readonly kind: 'good' | 'unsure' | 'bad'
  /** A few words, for the badge. */
  readonly summary: string
}
