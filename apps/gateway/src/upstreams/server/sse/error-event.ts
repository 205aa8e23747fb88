import { isRecord } from '../../../json/json-object.js'
import { readForeignError } from '../foreign-error.js'
import { MAX_ERROR_BYTES, refusedError, type UpstreamError } from '../upstream-error.js'

const OK = 200

/**
 * Returns the error that an event reports, if it reports one: an event named `error`, or data with an error
 * in one of the shapes of model servers. A member `error` that is null reports none.
 */
export function errorInEvent(
  { event, data }: { readonly event?: string | undefined; readonly data: string },
  withoutKey: (text: string) => string,
): UpstreamError | undefined {
  if (event !== 'error' && !hasError(data)) return undefined
  const text = withoutKey(data.slice(0, MAX_ERROR_BYTES))
  return refusedError(readForeignError(undefined, text), {
    reason: OK,
    note: 'an error in a stream',
  })
}

/** Parses only events that may have such a member: their names can be written with escapes, which no server does. */
function hasError(data: string): boolean {
  if (!data.includes('"error"') && !data.includes('"detail"')) return false
  const value = parse(data)
  if (!isRecord(value)) return false
  // Some servers report the error within a chunk.
  if (Array.isArray(value['choices'])) return isReport(value['error'])
  // An event of the Responses API that describes how a response failed is its last one, and passes.
  if (typeof value['type'] === 'string' && value['type'].includes('.')) return false
  return (
    value['type'] === 'error' ||
    value['object'] === 'error' ||
    isReport(value['error']) ||
    isReport(value['detail'])
  )
}

const isReport = (member: unknown): boolean =>
  typeof member === 'string' ? member !== '' : typeof member === 'object' && member !== null

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
