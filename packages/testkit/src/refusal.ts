/** An answer of the gateway that is no completion: a status and a text for `detail`. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}
