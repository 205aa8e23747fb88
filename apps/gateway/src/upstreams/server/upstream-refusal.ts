import type { RefusalCode } from '../../http-error.js'
import { ConfidentialRefusal, type ErrorObject } from '../../confidential-refusal.js'

/** Refusal of a request by a model server: a fixed text for the network, its own words for the caller. */
export class UpstreamRefusal extends ConfidentialRefusal {
  override readonly name = 'UpstreamRefusal'

  constructor(inner: ErrorObject, retryAfterSeconds?: number, outer = outerOf(inner.status)) {
    const [status, detail, code] = outer
    // Of other refusals, no wait is known to help.
    const isBusy = status === 429 || status === 503
    super(status, detail, inner, isBusy ? retryAfterSeconds : undefined, code)
  }
}

type Outer = readonly [status: number, detail: string, code: RefusalCode]

/** Creates the refusal of a request for whose route there is no model server. */
export const missingRoute = (inner: ErrorObject): UpstreamRefusal =>
  new UpstreamRefusal(inner, undefined, [
    404,
    'The inference backend has no such route',
    'not_found',
  ])

/** Reduces the status of a model server to what may be sent in plaintext. */
function outerOf(status: number): Outer {
  switch (status) {
    case 404:
      return [400, 'The inference backend does not have this model', 'upstream_refused']
    case 429:
      return [429, 'The inference backend is busy', 'upstream_busy']
    case 503:
      return [503, 'Inference backend is unavailable', 'upstream_busy']
    case 504:
      return [504, 'The inference backend took too long', 'upstream_timeout']
    default:
      return isRequestFault(status)
        ? [
            400,
            'The inference backend refused the request: check its parameters',
            'upstream_refused',
          ]
        : [502, 'The inference backend failed', 'upstream_failed']
  }
}

/** Statuses of 4xx that do not say that a chat request is at fault: credentials, limits, proxies. */
const OTHER_FAULTS: readonly number[] = [401, 402, 403, 404, 405, 407, 408, 429]

/** Checks whether a status means that the request is invalid, at this server and any other. */
export const isRequestFault = (status: number): boolean =>
  status >= 400 && status < 500 && !OTHER_FAULTS.includes(status)
