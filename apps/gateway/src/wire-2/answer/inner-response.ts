import { PROBLEM_TYPES, type Field, type WholeResponse } from '@nomyo/crypto/wire-2'
import { ConfidentialRefusal } from '../../confidential-refusal.js'
import { HttpError } from '../../http-error.js'
import { DateRefusal } from '../request/request-date.js'

/** Facts of every response inside the encryption. */
export interface ResponseFacts {
  readonly requestId: string
  readonly nowMs: number
}

/** Creates a response with JSON. */
export function jsonResponse(
  status: number,
  content: Uint8Array,
  { requestId, nowMs }: ResponseFacts,
  { type = 'application/json', fields = [] }: { type?: string; fields?: readonly Field[] } = {},
): Required<WholeResponse> {
  return {
    status,
    fields: [
      ['content-type', type],
      ['date', new Date(nowMs).toUTCString()],
      ['x-request-id', requestId],
      ...fields,
    ],
    content,
  }
}

/** Creates the response of a refusal, which only the caller reads: it includes the words of the model server. */
export function refusalResponse(error: HttpError, facts: ResponseFacts): Required<WholeResponse> {
  const { statusCode, message: detail, retryAfterSeconds, code } = error
  const fields: Field[] =
    retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)]]
  if (error instanceof DateRefusal) {
    const problem = { type: PROBLEM_TYPES.date, title: 'date not acceptable', detail }
    return jsonResponse(statusCode, encode(problem), facts, {
      type: 'application/problem+json',
      fields,
    })
  }
  const body = {
    detail,
    code: code === 'insufficient_quota' ? code : undefined,
    error: error instanceof ConfidentialRefusal ? error.inner : undefined,
  }
  return jsonResponse(statusCode, encode(body), facts, { fields })
}

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
