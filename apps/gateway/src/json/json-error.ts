/** Reason why JSON is refused. */
export type JsonProblem =
  /** No JSON as RFC 8259 defines it, or no UTF-8. */
  | 'malformed'
  | 'not-an-object'
  | 'too-deep'
  | 'too-many-values'
  | 'too-many-members'
  /** A member whose name or value is larger than those that decide anything. */
  | 'member-too-large'
  /** Readers disagree on which one of repeated members counts. */
  | 'repeated-member'

/** Refusal of JSON. It holds nothing of the text. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
  readonly code: JsonProblem

  constructor(code: JsonProblem) {
    super(`The JSON is refused: ${code}`)
    this.code = code
  }
}
