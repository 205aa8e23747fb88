import { errorObject } from '../../confidential-refusal.js'
import { HttpError } from '../../http-error.js'
import { UpstreamRefusal, missingRoute } from '../server/upstream-refusal.js'

const INVALID = 'invalid_request_error'
const RETRY_AFTER_S = 1

/** Creates the refusal of a member whose value the engine cannot follow. */
export const unsupported = (
  param: string,
  message: string,
  code: 'unsupported_parameter' | 'unsupported_value' | 'invalid_value' = 'unsupported_value',
): UpstreamRefusal => new UpstreamRefusal(errorObject(400, { message, type: INVALID, param, code }))

/** Creates the refusal of a conversation that is longer than the context. */
export const contextOverflow = (contextSize: number, param = 'messages'): UpstreamRefusal =>
  new UpstreamRefusal(
    errorObject(400, {
      message: `This model's maximum context length is ${String(contextSize)} tokens. Reduce the length of the ${param}.`,
      type: INVALID,
      param,
      code: 'context_length_exceeded',
    }),
  )

export const noSuchModel = (model: string): UpstreamRefusal =>
  new UpstreamRefusal(
    errorObject(404, {
      message: `The model ${model} does not exist.`,
      type: INVALID,
      param: 'model',
      code: 'model_not_found',
    }),
  )

export const noSuchRoute = (): UpstreamRefusal =>
  missingRoute(
    errorObject(404, { message: 'The embedded model has no such route.', type: INVALID }),
  )

/** Creates the refusal of a request for which no place in the queue is left. */
export const queueIsFull = (): HttpError =>
  new HttpError(503, 'The inference backend is busy', RETRY_AFTER_S, 'upstream_busy')

export const engineFailed = (): HttpError => new HttpError(502, 'The inference backend failed')

export const unavailable = (): HttpError =>
  new HttpError(503, 'Inference backend is unavailable', undefined, 'upstream_unavailable')
