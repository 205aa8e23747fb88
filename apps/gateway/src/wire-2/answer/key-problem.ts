import { PROBLEM_TYPES } from '@nomyo/crypto/wire-2'
import { HttpError } from '../../http-error.js'

/**
 * Refusal of a request of which nothing could be decrypted: one for every cause, so that the gateway is no
 * oracle. Clients get the current keys and try once more.
 */
export class KeyProblem extends HttpError {
  override readonly name = 'KeyProblem'

  constructor() {
    super(400, 'key configuration not usable', undefined, 'undecryptable')
  }

  /** The body of the refusal, of type `application/problem+json`. */
  get problem(): object {
    return { type: PROBLEM_TYPES.key, title: this.message }
  }
}
