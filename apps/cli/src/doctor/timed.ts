import { APIError } from '@nomyo/transport'
import { failureOf } from '../failure.js'
import type { Finding } from './finding.js'

/** What came of a step, and how long it took in milliseconds. */
export type Timed<T> =
  | { readonly value: T; readonly ms: number }
  | { readonly failed: Finding; readonly error: unknown; readonly ms: number }

/** Takes the time of a step; what it throws becomes a finding. */
export async function timed<T>(check: string, work: () => Promise<T>): Promise<Timed<T>> {
  const start = performance.now()
  try {
    const value = await work()
    return { value, ms: performance.now() - start }
  } catch (error) {
    const ms = performance.now() - start
    return { failed: { check, status: 'problem', ms, ...explain(error) }, error, ms }
  }
}

function explain(error: unknown): Pick<Finding, 'message' | 'remedy'> {
  if (error instanceof APIError && error.statusCode === 401) {
    return {
      message: 'the gateway does not accept the API key, or needs one',
      remedy: 'put the right one into NOMYO_API_KEY, or name its file with --api-key-file',
    }
  }
  const isNotFound = error instanceof APIError && error.statusCode === 404
  return {
    message: failureOf(error).text.replace(' nomyo doctor looks at every step.', ''),
    remedy: isNotFound
      ? 'is this the base URL of a gateway? It may need a path prefix'
      : 'if this lasts, ask the operator',
  }
}
