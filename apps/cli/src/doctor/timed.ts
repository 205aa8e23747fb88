import { problem, type Finding } from '@nomyo-internal/diagnostics'
import { APIConnectionError, APIError } from '@nomyo/client'
import { describeError } from '../describe-error.js'

/** Outcome of a step, and its duration in milliseconds. */
export type Timed<T> =
  | { readonly value: T; readonly ms: number }
  | { readonly failed: Finding; readonly error: unknown; readonly ms: number }

/** Times a step; an error that it throws becomes a finding. */
export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const start = performance.now()
  const elapsed = (): number => performance.now() - start
  try {
    const value = await work()
    return { value, ms: elapsed() }
  } catch (error) {
    const ms = elapsed()
    return { failed: describe(error, ms), error, ms }
  }
}

function describe(error: unknown, ms: number): Finding {
  if (error instanceof APIError && error.statusCode === 401) {
    return problem(
      'the gateway does not accept the API key, or requires one',
      'put the right one into NOMYO_API_KEY, or name its file with --api-key-file',
      ms,
    )
  }
  const isNotFound = error instanceof APIError && error.statusCode === 404
  return problem(
    // The text of the command line refers to this doctor.
    error instanceof APIConnectionError ? error.message : describeError(error).text,
    isNotFound
      ? 'check that this is the base URL of a gateway; it may need a path prefix'
      : 'if this persists, ask the operator',
    ms,
  )
}
