import { InvalidRequestError } from '@nomyo/transport'
import type { ChatCompletion } from '../types/response.js'

/**
 * Lets `for await` over the answer to a request with `stream: true` fail with an error that names what to
 * call. Invisible otherwise.
 */
export function refuseIteration(completion: ChatCompletion): ChatCompletion {
  return Object.defineProperty(completion, Symbol.asyncIterator, {
    value: () => {
      throw new InvalidRequestError(
        'ERR_INVALID_REQUEST',
        'create() returns one complete answer. For a stream, call chat.completions.create({ ..., stream: true }).',
      )
    },
  })
}
