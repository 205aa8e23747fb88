import { problem, type Finding } from '@nomyo-internal/diagnostics'
import { APIConnectionError, APIError } from '@nomyo/client'
import { describeError } from '../describe-error.js'

/** Describes the error that ended a check, and the remedy. */
export function describeFailure(error: unknown): Finding {
  if (error instanceof APIError && error.statusCode === 401) {
    return problem(
      'the gateway does not accept the API key, or requires one',
      'set the right key in NOMYO_API_KEY, or name its file with --api-key-file',
    )
  }
  const isNotFound = error instanceof APIError && error.statusCode === 404
  return problem(
    // The text of the command line refers to this doctor.
    error instanceof APIConnectionError ? error.message : describeError(error).text,
    isNotFound
      ? 'check that this is the base URL of a gateway; it may need a path prefix'
      : 'if this persists, ask the operator',
  )
}
