import { onResponseClosed } from '@nomyo-internal/http-server'
import type { onRequestHookHandler } from 'fastify'
import { Refusal } from '../openai-error.js'

/** A request ends at a time that cannot be predicted. */
const RETRY_AFTER_S = '1'

/**
 * Creates a hook that refuses requests beyond this number in progress. Comes before the body is read, so that
 * refused requests take no memory.
 */
export function limitConcurrency(maxConcurrency: number): onRequestHookHandler {
  let inFlight = 0
  return (_request, { raw }, done) => {
    if (inFlight >= maxConcurrency) {
      done(tooMany())
      return
    }
    inFlight++
    onResponseClosed(raw, () => inFlight--)
    done()
  }
}

const tooMany = (): Refusal =>
  new Refusal(
    429,
    'ERR_TOO_MANY_REQUESTS',
    'As many requests as --max-concurrency allows are in flight.',
    { 'retry-after': RETRY_AFTER_S },
  )
